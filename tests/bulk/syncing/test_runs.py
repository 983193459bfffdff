"""Syncs on a dev server: what is written, what is refused, and what is left alone."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import ApiError, InvalidResponse
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.models import Record
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex
from tests.support.bulk_runs import PATIENT, stored
from tests.support.observed_server import observed, short_scans

Sync = Callable[..., bulk.SyncReport]
ALL: dict[str, Any] = {"scope": "all", "namespace": "films", "policy": PATIENT, "progress": "none"}


@pytest.fixture
def sync(endpoint: Endpoint) -> Sync:
    """``bulk.sync`` of all vectors of the namespace ``films``."""

    def run(rows: object, **arguments: Any) -> bulk.SyncReport:
        return bulk.sync(rows, endpoint, **{**ALL, **arguments})

    return run


def film(id: str, number: float = 1, **metadata: Any) -> dict[str, Any]:
    return {"id": id, "vector": [number, 1], "metadata": metadata}


def upsert(endpoint: Endpoint, *rows: dict[str, Any]) -> None:
    with VectorClient(endpoint) as client:
        client.upsert(rows, "films")


def counts(report: bulk.SyncReport) -> dict[str, Any]:
    names = ("added", "changed", "metadata_only", "adopted", "unchanged", "deleted", "not_in_source")
    plain = report.to_dict()
    return {name: plain[name] for name in names if plain[name]}


def test_only_what_differs_is_written(server: DevServer, endpoint: Endpoint, sync: Sync) -> None:
    rows = [film(f"f{number}", number, n=number) for number in range(6)]
    assert counts(sync(rows)) == {"added": 6}
    server.requests.clear()
    rows[1]["vector"] = [7, 7]
    rows[2]["metadata"] = {"n": 2.0, "title": "x"}
    rows[3]["metadata"] = {"n": 3.0}
    del rows[5]
    report = sync([*rows, film("new")], delete_missing=True, max_delete=1)
    assert counts(report) == {"added": 1, "changed": 1, "metadata_only": 1, "unchanged": 3, "deleted": 1}
    assert report.operations == {"written": 4, "read": 1}
    assert (report.rows, report.scope, report.finished) == (6, 6, True)
    assert dict(server.requests) == {"info": 1, "range": 1, "upsert": 1, "update": 1, "delete": 1}
    found = {id: {**(metadata or {}), "_fp": None} for id, metadata in stored(server, "films").items()}
    assert found == {row["id"]: {**row["metadata"], "_fp": None} for row in [*rows, film("new")]}
    assert json.loads(json.dumps(report.to_dict()))["deleted"] == 1
    assert "1 added, 1 changed" in str(report)


def test_what_is_not_in_the_source_stays_by_default(endpoint: Endpoint, sync: Sync, server: DevServer) -> None:
    upsert(endpoint, film("old"))
    assert counts(sync([film("a")])) == {"added": 1, "not_in_source": 1}
    assert stored(server, "films").keys() == {"a", "old"}


def test_only_the_prefix_is_synced(endpoint: Endpoint, sync: Sync, server: DevServer) -> None:
    upsert(endpoint, film("doc-1#0"), film("doc-1#9"), film("doc-2#0"))
    scope = {"scope": None, "prefix": "doc-1#", "delete_missing": True, "max_delete": "50%"}
    assert counts(sync([film("doc-1#0"), film("doc-1#1")], **scope)) == {"added": 1, "adopted": 1, "deleted": 1}
    assert stored(server, "films").keys() == {"doc-1#0", "doc-1#1", "doc-2#0"}
    with pytest.raises(bulk.SyncFailed, match="1 row of the source is invalid, so nothing is written"):
        sync([film("doc-2#0")], **scope)


@pytest.mark.parametrize("once", [False, True])
def test_a_vector_without_a_fingerprint_is_adopted_if_it_is_equal(
    endpoint: Endpoint, server: DevServer, sync: Sync, once: bool
) -> None:
    upsert(
        endpoint,
        film("equal", n=1),
        film("other metadata", n=2),
        film("other vector", 5),
        {**film("equal text"), "data": "text"},
        {**film("other text"), "data": "text"},
        {**film("text removed"), "data": "text"},
        {"id": "no metadata", "vector": [1, 1]},
    )
    rows = [
        film("equal", n=1.0),
        film("other metadata", n=3),
        film("other vector", 6),
        {**film("equal text"), "data": "text"},
        {**film("other text"), "data": "new text"},
        film("text removed"),
        {"id": "no metadata", "vector": [1, 1]},
    ]
    server.requests.clear()
    report = sync(iter(rows) if once else rows)
    assert counts(report) == {"adopted": 3, "metadata_only": 1, "changed": 3}
    assert report.operations == {"written": 7, "read": 3}
    assert server.requests["fetch"] == 2
    assert counts(sync(rows)) == {"unchanged": 7}


def test_verify_finds_texts_that_others_changed(endpoint: Endpoint, sync: Sync) -> None:
    rows = [{**film(id), "data": f"text of {id}"} for id in "abc"] + [film("d")]
    sync(rows)
    with VectorClient(endpoint) as client:
        client.update({"id": "a", "data": "changed"}, "films")
        client.update({"id": "d", "data": "added"}, "films")
        client.update({"id": "b", "metadata": {}}, "films")
    assert counts(sync(rows, mode="plan")) == {"adopted": 1, "unchanged": 3}
    report = sync(rows, verify="data")
    assert counts(report) == {"changed": 2, "adopted": 1, "unchanged": 1}
    assert report.operations["read"] == 1
    assert counts(sync(rows, verify="data")) == {"unchanged": 4}


def test_another_config_version_writes_all_again(sync: Sync) -> None:
    rows = [film("a"), film("b")]
    sync(rows, config_version="v1")
    assert counts(sync(rows, config_version="v2")) == {"changed": 2}


def test_kept_keys_survive_all_writes(endpoint: Endpoint, server: DevServer, sync: Sync) -> None:
    keep = {"keep_metadata": ["reviewed"]}
    sync([film("a", n=1), film("b", n=1), film("c", n=1, reviewed="source")], **keep)
    with VectorClient(endpoint) as client:
        for id in "ab":
            client.update(
                {"id": id, "metadata": {"reviewed": "yes", "else": 1}, "metadata_update_mode": "PATCH"}, "films"
            )

    def patch(index: VectorIndex) -> None:
        if server.requests["range"] > ranges and server.requests["upsert"] == upserts:
            index.store._database.execute(
                "UPDATE vector SET metadata = json_patch(metadata, ?) WHERE id = 'b'", ('{"reviewed": "now"}',)
            )

    ranges, upserts = server.requests["range"], server.requests["upsert"]
    with observed(server, patch):
        report = sync([film("a", 2, n=1), film("b", n=2), film("c", n=1, reviewed="ignored")], **keep)
    assert counts(report) == {"changed": 1, "metadata_only": 1, "unchanged": 1}
    found = {id: {**(metadata or {}), "_fp": None} for id, metadata in stored(server, "films").items()}
    assert found == {
        "a": {"n": 1, "reviewed": "yes", "_fp": None},
        "b": {"n": 2, "reviewed": "now", "_fp": None},
        "c": {"n": 1, "reviewed": "source", "_fp": None},
    }
    with VectorClient(endpoint) as client:
        client.update({"id": "c", "metadata": {"n": 1}}, "films")
    for row in (film("c", 2, n=1, reviewed="source"), film("c", 2, n=None, reviewed="source")):
        sync([row], **keep)
        assert "reviewed" not in (stored(server, "films")["c"] or {})


@pytest.mark.parametrize(
    ("verify", "page_size", "reads", "changed"),
    [(None, 1_000, 3, ["content"]), ("data", 2, 4, ["content", "text"])],
)
def test_a_vector_that_the_scan_left_out_is_not_new(
    endpoint: Endpoint,
    server: DevServer,
    sync: Sync,
    verify: str | None,
    page_size: int,
    reads: int,
    changed: list[str],
) -> None:
    options = {"keep_metadata": ["reviewed"], "verify": verify, "page_size": page_size}
    ids = ["content", "metadata", "same", "unmarked", "text"]
    rows = [{**film(id, n=1), "data": id} for id in ids]
    sync(rows, **options)
    with VectorClient(endpoint) as client:
        for id in ids:
            mode = "OVERWRITE" if id == "unmarked" else "PATCH"
            change = {"id": id, "metadata": {"n": 1, "reviewed": "yes"}, "metadata_update_mode": mode}
            client.update(change, "films")
        client.update({"id": "text", "data": "changed"}, "films")
    upsert(endpoint, film("old"), film("old, left out"))
    rows[0]["data"] = "new text"
    rows[1]["metadata"] = {"n": 2, "reviewed": "by the source"}
    rows.append(film("added", reviewed="by the source"))
    deletes = {"delete_missing": True, "max_delete": "20%"}  # of 6
    server.requests.clear()
    with short_scans([*ids, "old, left out"]):
        planned = sync(rows, **options, **deletes, mode="plan")
        report = sync(rows, **options, **deletes)
    assert planned.samples["changed"] == changed
    same = 3 - len(changed)
    expected = {"added": 1, "metadata_only": 1, "adopted": 1, "deleted": 1}
    assert counts(report) == {**expected, "changed": len(changed), "unchanged": same}
    assert counts(planned) == counts(report)
    assert (report.scope, report.operations["read"]) == (6, reads)
    reviewed = {id: (metadata or {}).get("reviewed") for id, metadata in stored(server, "films").items()}
    assert reviewed == {**dict.fromkeys(ids, "yes"), "added": "by the source", "old, left out": None}


def test_only_kept_keys_need_a_second_look(server: DevServer, sync: Sync) -> None:
    sync([film("a")])
    server.requests.clear()
    with short_scans(["a"]):
        assert counts(sync([film("a")])) == {"added": 1}
        assert not server.requests["fetch"]


def test_a_vector_that_nobody_asked_for_is_not_deleted(server: DevServer, endpoint: Endpoint, sync: Sync) -> None:
    upsert(endpoint, film("other"))
    server.faults.add(Fault(kind="garbage", command="fetch", text='{"result": [{"id": "other"}]}'))
    with short_scans(["other"]):
        report = sync([film("a")], keep_metadata=["reviewed"], delete_missing=True, max_delete=9)
    assert counts(report) == {"added": 1}
    assert stored(server, "films").keys() == {"a", "other"}


def test_a_page_with_an_id_outside_of_the_scope_fails_the_run(
    server: DevServer, endpoint: Endpoint, sync: Sync
) -> None:
    upsert(endpoint, film("doc-1#0"), film("doc-2#0"))
    page = '{"result": {"nextCursor": "", "vectors": [{"id": "doc-1#0"}, {"id": "doc-2#0"}]}}'
    runs: list[Callable[[], object]] = [
        lambda: sync([film("doc-1#1")], scope=None, prefix="doc-1#", delete_missing=True, max_delete="100%"),
        lambda: bulk.delete_selected(endpoint, prefix="doc-1#", max_delete=9, namespace="films"),
    ]
    for run in runs:
        server.faults.add(Fault(kind="garbage", command="range", text=page))
        with pytest.raises(InvalidResponse, match="each id must begin with 'doc-1#'"):
            run()
    assert stored(server, "films").keys() == {"doc-1#0", "doc-2#0"}


def test_metadata_of_other_writers_of_any_kind(server: DevServer, endpoint: Endpoint, sync: Sync) -> None:
    """What is not an object is replaced; a kept integer that no row may have fails the run with the reason."""
    upsert(endpoint, film("a"), film("b"))

    def write(index: VectorIndex) -> None:
        index.update("films", Record(id="a", metadata='"text"'), "OVERWRITE")
        index.update("films", Record(id="b", metadata=f'{{"n": {2**70}, "t": 1}}'), "OVERWRITE")

    with observed(server, write):
        assert counts(sync([film("a")])) == {"adopted": 1, "not_in_source": 1}
        rows = [film("a"), film("b", t=None)]
        error = refused(lambda: sync(rows, keep_metadata=["n"]), "failures")
    assert "1 vector could not be updated" in str(error)


def test_null_in_metadata_is_written(sync: Sync, server: DevServer) -> None:
    sync([film("a", n=1)])
    assert counts(sync([film("a", n=None, o={"p": None})])) == {"metadata_only": 1}
    metadata = dict(stored(server, "films")["a"] or {})
    del metadata["_fp"]
    assert metadata == {"n": None, "o": {"p": None}}
    assert counts(sync([film("a", n=None, o={"p": None})])) == {"unchanged": 1}


def refused(run: Callable[[], object], reason: str, *, retryable: bool = False) -> bulk.SyncFailed:
    with pytest.raises(bulk.SyncFailed) as raised:
        run()
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own
    assert copy.report == raised.value.report
    assert str(copy) == str(raised.value)
    return raised.value


def test_the_guards(endpoint: Endpoint, server: DevServer, sync: Sync) -> None:
    upsert(endpoint, *(film(f"f{number}") for number in range(10)))
    server.requests.clear()
    deletes = {"delete_missing": True, "max_delete": "20%"}
    error = refused(lambda: sync([film(f"f{number}") for number in range(7)], **deletes), "max_delete")
    assert "3 of 10 vectors in the scope would be deleted, more than max_delete=20% (2 vectors)" in str(error)
    assert error.report.deleted == 3
    assert error.report.operations["written"] == 0
    assert "is empty" not in str(refused(lambda: sync([], **deletes), "empty_source"))
    refused(lambda: sync(iter([]), **deletes), "empty_source")
    error = refused(lambda: sync([film("f1"), film("f2"), film("f1", 2)]), "duplicates")
    assert "'f1'" in str(error)
    assert error.report.duplicates == 1
    for row in (film("x", _fp="1"), film(""), {**film("x"), "namespace": "other"}, film("x", v="x" * 49_120)):
        refused(lambda row=row: sync([film("f1"), row], **deletes), "failures")  # type: ignore[misc]
    assert server.requests.keys() <= {"info", "range", "fetch"}


def test_the_last_of_duplicates_wins_if_asked_for(sync: Sync, server: DevServer) -> None:
    rows = [film("a", n=1), film("b"), film("a", n=2), film("a", n=3)]
    for given in (rows, iter(rows)):
        report = sync(given, on_duplicate="last")
        assert (report.rows, report.duplicates) == (4, 1)
        assert (stored(server, "films")["a"] or {})["n"] == 3


def test_nothing_is_deleted_if_anything_failed(endpoint: Endpoint, server: DevServer, sync: Sync) -> None:
    upsert(endpoint, film("old"), film("same", n=1))
    deletes = {"delete_missing": True, "max_delete": 1}
    sync([film("same", n=1)])
    reasons = {"range": "400", "upsert": "could not be upserted", "update": "could not be updated"}
    for command, reason in reasons.items():
        server.faults.add(Fault(kind="status", status=400, command=command))
        with pytest.raises((bulk.SyncFailed, ApiError), match=reason):
            sync([film("new"), film("same", n=2)], **deletes)
        assert "old" in stored(server, "films")
    assert counts(sync([film("new"), film("same", n=2)], **deletes))["deleted"] == 1


def test_a_vector_that_disappears_meanwhile_is_found_by_the_next_run(
    endpoint: Endpoint, server: DevServer, sync: Sync
) -> None:
    upsert(endpoint, film("old"))
    sync([film("a", n=1)])

    def delete(index: VectorIndex) -> None:
        if server.requests["range"]:
            index.delete("films", ids=["a"])

    deletes = {"delete_missing": True, "max_delete": 1}
    server.requests.clear()
    with observed(server, delete):
        error = refused(lambda: sync([film("a", n=2)], **deletes), "failures", retryable=True)
    assert "1 vector disappeared" in str(error)
    assert stored(server, "films").keys() == {"old"}
    assert counts(sync([film("a", n=2)], **deletes)) == {"added": 1, "deleted": 1}


def test_rows_that_change_between_the_passes_fail_the_run(
    endpoint: Endpoint, server: DevServer, sync: Sync, tmp_path: Path
) -> None:
    upsert(endpoint, film("old"))
    path = tmp_path / "rows.jsonl"

    def rows(*films: dict[str, Any]) -> str:
        return "".join(json.dumps(one) + "\n" for one in films)

    first = [film("a"), film("b"), film("c")]
    for changed in (
        [film("a"), film("b", 2), film("c")],
        [film("a"), film("x"), film("c")],
        [film("a"), film("b", n=1), film("c")],
        [film("a"), film(""), film("c")],
        [film("a")],
    ):
        path.write_text(rows(*first))
        server.requests.clear()

        def change(_: VectorIndex, changed: list[dict[str, Any]] = changed) -> None:
            if server.requests["range"]:
                path.write_text(rows(*changed))

        with observed(server, change):
            refused(lambda: sync(path, delete_missing=True, max_delete=1), "source", retryable=True)
        assert "old" in stored(server, "films")
        with VectorClient(endpoint) as client:
            client.delete(["a", "b", "c"], "films")


@pytest.mark.parametrize("kind", ["file grows", "another file", "list grows", "file is gone"])
def test_rows_that_arrive_while_the_sync_runs_hold_back_the_deletes(
    endpoint: Endpoint, server: DevServer, sync: Sync, tmp_path: Path, kind: str
) -> None:
    """Of a source that was read while it was written, what was not there yet is not deleted."""
    late = json.dumps(film("late")) + "\n"
    upsert(endpoint, film("late"))
    path = tmp_path / "0.jsonl"
    path.write_text(json.dumps(film("a")) + "\n")
    films = [film("a")]

    def change(_: VectorIndex) -> None:
        if kind == "file grows":
            path.write_text(path.read_text() + late)
        elif kind == "another file":
            (tmp_path / "1.jsonl").write_text(late)
        elif kind == "list grows":
            films.append(film("late"))
        elif server.requests["upsert"]:
            path.unlink(missing_ok=True)

    server.requests.clear()
    with observed(server, lambda index: change(index) if server.requests["range"] else None):
        rows = films if kind == "list grows" else f"{tmp_path}/*.jsonl"
        error = refused(lambda: sync(rows, delete_missing=True, max_delete=1), "source", retryable=True)
    assert error.report.operations["written"] == 1
    assert "the source changed while the sync ran, so nothing is deleted" in str(error)
    assert stored(server, "films").keys() == {"a", "late"}


def test_an_async_iterable_is_spooled(endpoint: Endpoint, server: DevServer) -> None:
    async def run() -> bulk.SyncReport:
        async def rows() -> Any:
            for number in range(5):
                yield film(f"f{number}", number)

        return await bulk.sync_async(rows(), endpoint, **ALL)

    assert counts(asyncio.run(run())) == {"added": 5}
    assert counts(asyncio.run(run())) == {"unchanged": 5}


@pytest.mark.parametrize("once", [False, True])
def test_only_texts_of_new_and_changed_vectors_are_embedded(server: DevServer, sync: Sync, once: bool) -> None:
    embedded: list[str] = []

    def embed(texts: list[str]) -> list[list[float]]:
        embedded.extend(texts)
        return [[float(len(text)), 1] for text in texts]

    def run(**texts: str) -> dict[str, Any]:
        rows = [{"id": id, "data": text, "metadata": {"n": 1}} for id, text in texts.items()]
        return counts(sync(iter(rows) if once else rows, embed=embed))

    assert run(a="x", b="xx") == {"added": 2}
    assert run(a="x", b="yyy", c="zzzz") == {"added": 1, "changed": 1, "unchanged": 1}
    assert embedded == ["x", "xx", "yyy", "zzzz"]
    server.requests.clear()
    with pytest.raises(ValueError, match="cannot be imported"):
        sync([{"id": "a", "data": "x"}], embed="no.such.module:function")
    assert server.requests.keys() <= {"info"}


def test_equal_values_are_unchanged(sync: Sync) -> None:
    """The ids are the same text for people, but not for the index."""
    rows = [film(id) for id in ("a", "A", "a ", "\xe9", "e\u0301", "a\0b", "a\0c", "%", "\U0001f600")]
    assert counts(sync(rows)) == {"added": len(rows)}
    assert counts(sync(rows)) == {"unchanged": len(rows)}
    pairs: list[tuple[Any, Any]] = [
        (1, 1.0),
        (0, -0.0),
        (2**53, 2.0**53),
        ({"a": 1, "b": [1]}, {"b": [1.0], "a": 1}),
    ]
    for value, equal in pairs:
        sync([film("m", v=value)])
        assert counts(sync([film("m", v=equal)]))["unchanged"] == 1
    different: list[Any] = [None, 1, True, "1", 2**53 + 1, 2.0**53, {}, [], [{}], {"a": None}]
    for value in different:
        assert counts(sync([film("m", v=value)]))["metadata_only"] == 1
    sync([{"id": "z", "vector": [0.0, 1]}])
    assert counts(sync([{"id": "z", "vector": [-0.0, 1]}]))["unchanged"] == 1


def test_a_daily_budget_covers_all_phases(sync: Sync, endpoint: Endpoint, server: DevServer) -> None:
    upsert(endpoint, film("old"), film("a", n=1))
    rows = [film("a", n=2), film("new")]
    limits = {"delete_missing": True, "max_delete": 1, "daily_budget": 2}
    refused(lambda: sync(rows, **limits), "daily_budget", retryable=True)
    report = sync([*rows, film("newer"), film("newest"), film("x")], **limits, on_budget="return")
    assert not report.finished
    assert "old" in stored(server, "films")
    assert sync(rows, **{**limits, "max_delete": 9, "daily_budget": 99}).finished


def test_a_time_limit_and_a_cancellation_end_the_scan(server: DevServer, sync: Sync) -> None:
    server.faults.add(Fault(kind="slow", command="range", seconds=60))
    error = refused(lambda: sync([film("a")], time_limit_seconds=0.5), "time_limit", retryable=True)
    assert "the time limit of 0.5 s has passed" in str(error)
    token = bulk.CancelToken()

    def cancel(_: VectorIndex) -> None:
        if server.requests["range"]:
            token.cancel()

    server.requests.clear()
    with observed(server, cancel):
        refused(lambda: sync([film("a")], cancel_token=token), "cancelled", retryable=True)
    assert not stored(server, "films")


def test_a_failed_row_is_in_the_failures_file(sync: Sync, tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    error = refused(lambda: sync([film("a"), film("b", _fp=1)], failures_path=path), "failures")
    assert (error.report.failures_path, error.report.rows) == (str(path), 2)
    [line] = map(json.loads, path.read_text().splitlines())
    assert line["id"] == "b"
    assert "has the key '_fp' of the fingerprint" in json.dumps(line["failure"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scope": None}, "exactly one of scope"),
        ({"prefix": "a"}, "exactly one of scope"),
        ({"scope": None, "prefix": ""}, "prefix must not be empty"),
        ({"scope": "some"}, "scope must be one of"),
        ({"delete_missing": True}, "needs max_delete"),
        ({"max_delete": 0.5}, 'write "50%"'),
        ({"keep_metadata": ["_fp"]}, "must not be in keep_metadata"),
        ({"keep_metadata": "reviewed"}, "must be a list of keys"),
        ({"fingerprint_key": ""}, "must not be empty"),
        ({"mode": "go"}, "mode must be one of"),
        ({"page_size": 0}, "page_size"),
        ({"shard": (0, 2)}, "sync has no argument 'shard'"),
        ({"max_failures": 3}, "sync has no argument 'max_failures'"),
    ],
)
def test_invalid_options_are_refused(sync: Sync, server: DevServer, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        sync([film("a")], **options)
    assert not server.requests


def test_a_sync_runs_over_several_pages(sync: Sync, server: DevServer) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for number in range(250):
            yield film(f"f{number}", number)

    sync(rows())
    assert sync(rows(), page_size=100).operations == {"written": 0, "read": 3}
