"""DAG runs against the dev server: the examples, those of the README and those of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat import version_compat

from airflow_provider_upstash_vector.client import Endpoint, FetchedVector, VectorClient
from airflow_provider_upstash_vector.client.errors import ResponseLost
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from tests.support.airflow_features import AIRFLOW
from tests.support.airflow_home import ROOT, AirflowHome, readme_snippets
from tests.support.dag_runs import DagRun, load_dags
from tests.support.index_fixtures import connection_json

MOVIES = [
    {"id": f"movie-{number}", "vector": [number, 1], "metadata": {"genre": "drama", "year": 1999}, "data": "old"}
    for number in (1, 2, 3)
]


@pytest.fixture
def movies(server: DevServer, connection: str) -> Any:
    """Upsert three movies into the default namespace; return a function that fetches one."""
    client = VectorClient(Endpoint.of(server.url, server.token))
    client.upsert(MOVIES)

    def read(id: str, namespace: str = "") -> FetchedVector | None:
        (vector,) = client.fetch([id], namespace, include_vectors=True, include_metadata=True, include_data=True)
        return vector

    yield read
    client.close()


def run_file(airflow_home: AirflowHome, name: str, conf: dict[str, Any] | None = None) -> DagRun:
    (dag,) = load_dags(airflow_home.dags / name).values()
    return DagRun(dag, conf)


def test_example_update_vector(airflow_home: AirflowHome, movies: Any) -> None:
    run = run_file(airflow_home, "example_update_vector.py", {"vector_id": "movie-2"})
    assert run.state == "success"
    assert movies("movie-2").metadata == {"genre": "comedy", "year": 1999}
    xcoms = airflow_home.xcoms("example_update_vector", run.run_id)
    assert [json.loads(str(value)) for value in xcoms.values()] == [1]


def test_example_update_from_tasks(airflow_home: AirflowHome, movies: Any) -> None:
    run = run_file(airflow_home, "example_update_from_tasks.py")
    assert run.state == "success"
    assert movies("movie-1").vector == [0.36, 0.6]
    assert movies("movie-2").data == "A heist goes wrong."
    assert movies("movie-3").metadata == {"genre": "western", "tags": ["classic"]}


def test_example_trigger_from_ui(airflow_home: AirflowHome, movies: Any) -> None:
    conf = {"id": "movie-2", "metadata": {"genre": "western", "year": None}, "vector": [0.5, 1], "data": None}
    assert run_file(airflow_home, "example_trigger_from_ui.py", conf).state == "success"
    changed = movies("movie-2")
    assert (changed.metadata, changed.vector, changed.data) == ({"genre": "western"}, [0.5, 1], "old")


def test_example_trigger_from_ui_with_empty_fields(airflow_home: AirflowHome, movies: Any) -> None:
    conf = {"id": "movie-3", "metadata": {}, "metadata_update_mode": "OVERWRITE", "vector": [], "data": "new"}
    assert run_file(airflow_home, "example_trigger_from_ui.py", {**conf, "namespace": ""}).state == "success"
    changed = movies("movie-3")
    assert (changed.metadata, changed.vector, changed.data) == (MOVIES[2]["metadata"], [3, 1], "new")


@pytest.fixture
def updates(movies: Any, tmp_path: Path) -> str:
    """The path of a file of updates, two of them with unknown ids."""
    path = tmp_path / "updates.jsonl"
    rows = [{"id": f"movie-{number}", "metadata": {"genre": "western"}} for number in range(1, 6)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_example_bulk_update(airflow_home: AirflowHome, movies: Any, updates: str) -> None:
    run = run_file(airflow_home, "example_bulk_update.py", {"rows": updates})
    assert run.state == "success"
    assert movies("movie-3").metadata == {"genre": "western", "year": 1999}
    (manifest,) = map(_stored, airflow_home.xcoms("example_bulk_update", run.run_id).values())
    assert (manifest["total"], manifest["updated"], manifest["missing"]) == (5, 3, 2)


def test_example_bulk_update_shards(airflow_home: AirflowHome, movies: Any, updates: str) -> None:
    run = run_file(airflow_home, "example_bulk_update_shards.py", {"rows": updates})
    assert run.state == "success"
    xcoms = airflow_home.xcoms("example_bulk_update_shards", run.run_id)
    assert len(xcoms) == 17
    counts = {"shards": 16, "total": 5, "updated": 3, "missing": 2, "rejected": 0, "failed": 0, "not_attempted": 0}
    assert _stored(xcoms["add_up", -1]) == counts


def test_example_bulk_update_shards_fails_if_a_shard_fails(
    airflow_home: AirflowHome, movies: Any, updates: str
) -> None:
    with Path(updates).open("a") as file:
        file.write('{"id": "movie-1", "data": 1}\n')
    run = run_file(airflow_home, "example_bulk_update_shards.py", {"rows": updates})
    assert run.state == "failed"
    sums = _stored(airflow_home.xcoms("example_bulk_update_shards", run.run_id)["add_up", -1])
    assert (sums["shards"], sums["updated"], sums["rejected"]) == (16, 3, 1)


def _stored(value: Any) -> Any:
    stored = json.loads(str(value))
    return json.loads(stored) if isinstance(stored, str) else stored


def test_example_bulk_upsert(airflow_home: AirflowHome, movies: Any, tmp_path: Path) -> None:
    path = tmp_path / "movies.jsonl"
    rows = [{"id": f"movie-{number}", "vector": [number, 2], "year": 2_000} for number in range(1, 6)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for dry_run in (True, False):
        run = run_file(airflow_home, "example_bulk_upsert.py", {"rows": str(path), "dry_run": dry_run})
        assert run.state == "success"
        (manifest,) = map(_stored, airflow_home.xcoms("example_bulk_upsert", run.run_id).values())
        assert (manifest["total"], manifest["upserted"]) == (5, 0 if dry_run else 5)
        changed = movies("movie-3")
        expected = ({"genre": "drama", "year": 1999}, "old") if dry_run else ({"year": 2_000}, None)
        assert (changed.metadata, changed.data) == expected
    assert movies("movie-5").vector == [5, 2]


def test_example_update_where(airflow_home: AirflowHome, server: DevServer, movies: Any) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": "movie-4", "vector": [4, 1], "metadata": {"year": 1988, "draft": 1}}])
    counts = []
    for dry_run in (True, False, False):
        run = run_file(airflow_home, "example_update_where.py", {"dry_run": dry_run})
        assert run.state == "success"
        (manifest,) = map(_stored, airflow_home.xcoms("example_update_where", run.run_id).values())
        counts.append([manifest[name] for name in ("scanned", "matched", "unchanged", "updated")])
    assert counts == [[4, 1, 0, 0], [4, 1, 0, 1], [4, 1, 1, 0]]
    assert movies("movie-4").metadata == {"year": 1988, "archived": True}


def test_example_check(airflow_home: AirflowHome, server: DevServer, movies: Any) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(MOVIES, "old")
        client.upsert([{**movie, "data": "A heist that goes wrong."} for movie in MOVIES], "new")
    assert run_file(airflow_home, "example_check.py", {"new": "new", "old": "old"}).state == "success"
    assert run_file(airflow_home, "example_check.py", {"new": "old", "old": "new"}).state == "failed"


def test_example_chunks(airflow_home: AirflowHome, movies: Any) -> None:
    assert run_file(airflow_home, "example_chunks.py").state == "success"
    found = {id: movies(id) for id in ("guide.md#0", "guide.md#1", "faq.md#0")}
    assert [vector.data for vector in found.values()] == [
        "Install the provider.",
        "Create a connection.",
        "Is it free?",
    ]
    assert found["guide.md#1"].metadata == {"file_path": "guide.md"}


def test_example_upsert_vector(airflow_home: AirflowHome, movies: Any) -> None:
    conf = {"id": "movie-3", "vector": [0.5, 0.25], "metadata": {}, "data": ""}
    assert run_file(airflow_home, "example_upsert_vector.py", conf).state == "success"
    changed = movies("movie-3")
    assert (changed.vector, changed.metadata, changed.data) == ([0.5, 0.25], None, None)


def test_example_delete(airflow_home: AirflowHome, server: DevServer, movies: Any) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{**MOVIES[n], "metadata": {"status": "obsolete"}} for n in (0, 2)])
        assert run_file(airflow_home, "example_delete.py", {"max_delete": 1}).state == "failed"
        run = run_file(airflow_home, "example_delete.py")
        assert run.state == "success"
        assert [vector.id for vector in client.range()] == ["movie-2"]
    assert [*map(_stored, airflow_home.xcoms("example_delete", run.run_id).values())] == [2]


def test_example_namespaces(airflow_home: AirflowHome, server: DevServer, movies: Any) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        for namespace in ("day-2026-01-01", "day-2026-01-02", "day-2026-01-03", "other"):
            client.upsert(MOVIES, namespace)
        assert run_file(airflow_home, "example_namespaces.py", {"keep": 3}).state == "success"
        assert len(client.list_namespaces()) == 5
        assert run_file(airflow_home, "example_namespaces.py", {"keep": 1}).state == "success"
        assert client.list_namespaces() == ["", "day-2026-01-03", "other"]


def test_a_retry_finds_a_namespace_as_the_lost_response_left_it(
    airflow_home: AirflowHome, server: DevServer, movies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(method: Any) -> Any:
        def call(hook: Any, *arguments: Any, **keywords: Any) -> Any:
            method(hook, *arguments, **keywords)
            server.faults.add(Fault(kind="status", status=503, command="list-namespaces"))
            raise ResponseLost("the connection broke")

        return call

    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
    for name in ("delete_namespace", "rename_namespace"):
        monkeypatch.setattr(UpstashVectorHook, name, losing(getattr(UpstashVectorHook, name)))
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        for namespace in ("a", "b"):
            client.upsert(MOVIES, namespace)
        assert run_file(airflow_home, "retried_namespaces.py").state == "success"
        assert client.list_namespaces() == ["", "c"]
    assert (server.requests["delete-namespace"], server.requests["rename-namespace"]) == (1, 1)


def test_example_swap(airflow_home: AirflowHome, server: DevServer, movies: Any, tmp_path: Path) -> None:
    path = tmp_path / "movies.jsonl"
    path.write_text('{"id": "movie-1", "vector": [2, 2], "title": "Heat", "year": 1995}\n')
    dags = load_dags(airflow_home.dags / "example_swap.py")
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        assert DagRun(dags["example_swap"], {"rows": str(path)}).state == "success"  # there is nothing to replace
        client.upsert(MOVIES, "movies")
        for year in ("2001", "2002", "2003"):
            client.upsert(MOVIES, f"movies__{year}0101T030000__previous")
        # as in a run that an asset has triggered
        options: dict[str, Any] = {"logical_date": None} if AIRFLOW >= (3, 3) else {}
        run = DagRun(dags["example_swap"], {"rows": str(path)}, **options)
        assert run.state == "success"
        xcoms = airflow_home.xcoms("example_swap", run.run_id)
        expired = _stored(xcoms["expire", -1])
        assert expired["deleted"] == [f"movies__{year}0101T030000__previous" for year in ("2001", "2002")]
        previous = expired["kept"][-1]
        assert _stored(xcoms["swap", -1])["previous"] == previous
        assert client.list_namespaces() == ["", "movies", "movies__20030101T030000__previous", previous]
        assert [vector.id for vector in client.range("movies")] == ["movie-1"]
        assert DagRun(dags["example_rollback"], {"previous": previous}).state == "success"
        assert [vector.id for vector in client.range("movies")] == [movie["id"] for movie in MOVIES]
        assert [vector.id for vector in client.range(previous.removesuffix("__previous"))] == ["movie-1"]


@pytest.mark.parametrize(
    ("params", "branch"),
    [
        ({"vector": [3, 1]}, "read_nearest"),
        ({"genre": "x' OR 'a' = 'a"}, "report_none"),
        ({"since": 2000}, "report_none"),
    ],
)
def test_example_query(airflow_home: AirflowHome, movies: Any, params: dict[str, Any], branch: str) -> None:
    run = run_file(airflow_home, "example_query.py", params)
    assert run.state == "success"
    ran = {task for (task, _), state in run.tasks.items() if state == "success"}
    assert ran == {"query", "choose", branch}
    if branch == "read_nearest":
        xcoms = airflow_home.xcoms("example_query", run.run_id)
        metadata = {"genre": "drama", "year": 1999}
        assert _stored(xcoms["read_nearest", -1]) == [{"id": "movie-3", "metadata": metadata, "data": "old"}]


def test_example_nightly_backup(airflow_home: AirflowHome, server: DevServer, movies: Any, tmp_path: Path) -> None:
    dags = load_dags(airflow_home.dags / "example_nightly_backup.py")
    run = DagRun(dags["example_nightly_backup"], {"folder": str(tmp_path)})
    assert run.state == "success"
    (report,) = map(_stored, airflow_home.xcoms("example_nightly_backup", run.run_id).values())
    assert (report["rows"], report["finished"], report["changed_meanwhile"]) == (3, True, False)
    conf = {"manifest": report["path"], "checkpoint": str(tmp_path / "checkpoint")}
    assert DagRun(dags["example_restore"], conf).state == "failed"  # there is something
    before = movies("movie-2")
    server.clear()
    assert movies("movie-2") is None
    assert DagRun(dags["example_restore"], conf).state == "success"
    assert movies("movie-2") == before


def test_example_copy_to_staging(
    airflow_home: AirflowHome, movies: Any, server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        {"id": "old", "vector": [1, 1], "metadata": {"year": 1950}},
        {"id": "owned", "vector": [1, 2], "metadata": {"year": 2020, "owner": "me"}},
    ]
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(others)
    with DevServer(dimension=2) as staging:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_STAGING", connection_json(staging))
        run = run_file(airflow_home, "example_copy_to_staging.py")
        assert run.state == "success"
        (manifest,) = map(_stored, airflow_home.xcoms("example_copy_to_staging", run.run_id).values())
        assert (manifest["read"], manifest["upserted"]) == (5, 4)
        assert manifest["operations"]["written"] == 4
        with VectorClient(Endpoint.of(staging.url, staging.token)) as client:
            copied = {vector.id: vector for vector in client.range("films", include_metadata=True)}
        assert {*copied} == {"movie-1", "movie-2", "movie-3", "owned"}
        assert copied["owned"].metadata == {"year": 2020}


def test_example_sync_without_approval(
    airflow_home: AirflowHome, movies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version_compat, "get_base_airflow_version_tuple", lambda: (3, 0, 0))
    path = tmp_path / "movies.jsonl"
    path.write_text(json.dumps({"id": "movie-9", "vector": [9, 1], "title": "new", "year": 1990}))
    run = run_file(airflow_home, "example_sync.py", {"rows": str(path), "plans": str(tmp_path)})
    assert run.state == "success"
    assert movies("movie-9", "movies").metadata["title"] == "new"


def test_example_embed_and_load(airflow_home: AirflowHome, movies: Any, tmp_path: Path) -> None:
    path = tmp_path / "documents.jsonl"
    rows = [{"id": f"movie-{n}", "text": "A heist" + "!" * n, "n": n} for n in range(3, 303)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for dry_run in (True, False):
        run = run_file(airflow_home, "example_embed_and_load.py", {"rows": str(path), "dry_run": dry_run})
        assert run.state == "success"
        (manifest,) = map(_stored, airflow_home.xcoms("example_embed_and_load", run.run_id).values())
        assert (manifest["embedded"], manifest["upserted"]) == (300, 0 if dry_run else 300)
    loaded = movies("movie-3")
    assert (loaded.vector, loaded.data, loaded.metadata) == ([2, 10], "A heist!!!", {"n": 3})


@pytest.mark.parametrize("kind", ["plain", "native"])
def test_options_are_templates_in_every_kind_of_task(
    airflow_home: AirflowHome, server: DevServer, movies: Any, kind: str
) -> None:
    dag = load_dags(airflow_home.dags / "templated_options.py")[f"templated_options_{kind}"]
    run = DagRun(dag)
    assert run.state == "success"
    manifests = [_stored(value) for value in airflow_home.xcoms(dag.dag_id, run.run_id).values()]
    assert [manifest["dry_run"] for manifest in manifests if isinstance(manifest, dict)] == [True] * 8
    assert server.requests["update"] == 0
    assert server.requests["upsert"] == 1  # of the fixture


def test_every_example_has_a_test() -> None:
    tests = [*Path(__file__).parent.glob("test_*.py"), ROOT / "tests/interop/test_common_ai.py"]
    source = "".join(file.read_text() for file in tests)
    for file in (ROOT / "example_dags").glob("*.py"):
        assert f'"{file.name}"' in source


@pytest.mark.parametrize("number", range(len(readme_snippets())))
def test_the_dags_of_the_readme(
    airflow_home: AirflowHome, movies: Any, updates: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(updates).parent)
    assert run_file(airflow_home, f"readme_{number}.py").state == "success"


def test_the_readme_has_dags() -> None:
    assert len(readme_snippets()) == 4


@pytest.mark.parametrize("kind", ["plain", "native"])
def test_exact_ids_mapped_and_from_xcom(
    airflow_home: AirflowHome, server: DevServer, connection: str, kind: str
) -> None:
    dag = load_dags(airflow_home.dags / "exact_ids.py")[f"exact_ids_{kind}"]
    ids = ["00123", "1e5", "1_000", "0x10", "1,2", "None", "True"]
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": id, "vector": [0, 0]} for id in ids])
        run = DagRun(dag)
        assert run.state == "success"
        vectors = client.fetch(ids, include_metadata=True)
    assert len(run.tasks) == 3 * len(ids) + 2
    written = [vector.metadata["note"] for vector in vectors if vector and vector.metadata]
    assert all(note in {"None", id} for note, id in zip(written, ids, strict=True))
    assert server.requests["update"] == 3 * len(ids)
    for task in ("literal", "group.from_xcom", "group.from_kwargs"):
        assert run.map_names(task) == {number: f"id {id}" for number, id in enumerate(ids)}


@pytest.mark.parametrize("native", [False, True])
def test_names_of_mapped_tasks(airflow_home: AirflowHome, movies: Any, native: bool) -> None:
    dag = load_dags(airflow_home.dags / "mapped_names.py")[f"mapped_names_{'native' if native else 'plain'}"]
    run = DagRun(dag)
    assert run.state == "success"
    assert run.map_names("numbers") == {0: "id 7", 1: "id 8"}
    assert run.map_names("long") == {0: f"id {'x' * 200}"}
    assert run.map_names("decorated") == {0: "id movie-1", 1: "id movie-2"}
    assert run.map_names("own") == {0: "movie movie-1"}
    assert run.map_names("shards") == {0: "shard (0, 2)", 1: "shard [1, 2]"}
    assert run.map_names("single") == {-1: None}


def test_transient_errors_use_the_tasks_retries(
    airflow_home: AirflowHome, server: DevServer, movies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
    server.faults.add(Fault(kind="status", status=503, times=1))
    assert run_file(airflow_home, "retried.py").state == "success"
    assert movies("movie-1").data == "new"
    assert server.requests["update"] == 2


def test_permanent_errors_are_not_retried(airflow_home: AirflowHome, server: DevServer, movies: Any) -> None:
    server.faults.add(Fault(kind="status", status=422, times=9))
    run = run_file(airflow_home, "retried.py")
    assert run.tasks == {("update", -1): "failed"}
    assert server.requests["update"] == 1


@pytest.mark.needs("retry_policies")
def test_the_retry_policy_retries_after_a_rate_limit(
    airflow_home: AirflowHome, server: DevServer, movies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
    server.faults.add(Fault(kind="status", status=429, times=1, retry_after="1"))
    assert run_file(airflow_home, "policy.py").state == "success"
    assert server.requests["update"] == 2


@pytest.mark.needs("retry_policies")
def test_the_retry_policy_fails_on_permanent_errors(
    airflow_home: AirflowHome, server: DevServer, movies: Any
) -> None:
    server.faults.add(Fault(kind="status", status=422, times=9))
    assert run_file(airflow_home, "policy.py").tasks == {("update", -1): "failed"}
    assert server.requests["update"] == 1


@pytest.mark.lacks("retry_policies")
def test_a_dag_with_the_retry_policy_says_which_airflow_it_needs(airflow_home: AirflowHome) -> None:
    with pytest.raises(RuntimeError, match=r"UpstashVectorRetryPolicy needs Airflow 3\.3 or later"):
        load_dags(airflow_home.dags / "policy.py")


def test_values_of_the_trigger_form_stay_text(airflow_home: AirflowHome, movies: Any) -> None:
    conf = {"vector_id": "movie-3", "genre": "None"}
    assert run_file(airflow_home, "example_update_vector.py", conf).state == "success"
    assert movies("movie-3").metadata == {"genre": "None", "year": 1999}
