"""The copy operator: arguments, templates, checkpoint, lineage and result, in Airflow without a database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.client.filters import Field
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import CopyVectorsOperator
from tests.bulk.test_copy import write
from tests.bulk.test_upserts import fetched
from tests.support.bulk_tasks import Task
from tests.support.index_fixtures import connection_json


@pytest.fixture
def source(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    write(server, 300, "films")
    monkeypatch.setenv("AIRFLOW_CONN_PROD", connection_json(server, namespace="films"))
    monkeypatch.setenv("AIRFLOW_CONN_PROD_AGAIN", connection_json(server))
    return server


@pytest.fixture(params=[0.0])
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[DevServer]:
    with DevServer(dimension=2, indexing_delay=request.param) as server:
        monkeypatch.setenv("AIRFLOW_CONN_STAGING", connection_json(server, namespace="copied"))
        yield server


def copying(*, native: bool = False, **arguments: Any) -> Task:
    """Return the task of a copy."""
    places = {"source_conn_id": "prod", "target_conn_id": "staging"}
    return Task(CopyVectorsOperator, native=native, **{**places, **arguments})


def spoil_v1(row: dict[str, Any]) -> dict[str, Any]:
    if row["id"] == "v1":
        raise ValueError("v1 is bad")
    return row


@pytest.mark.parametrize("native", [False, True])
def test_places_and_limits_are_templates(
    source: DevServer, target: DevServer, native: bool, tmp_path: Path
) -> None:
    names = ("source_conn_id", "namespace", "target_conn_id", "target_namespace", "prefix", "page_size")
    limits = ("max_failures", "checkpoint", "failures_path", "max_concurrency")
    task = copying(
        native=native,
        **{name: f"{{{{ params.{name} }}}}" for name in (*names, *limits)},
        filter=Field("n") > 10,
        transform=f"{__name__}.spoil_v1",
    )
    manifest = task.run(
        source_conn_id="prod_again",
        namespace="films",
        target_conn_id="staging",
        target_namespace="1e5",
        prefix="v1",
        page_size=50,
        max_failures="1%",
        checkpoint=str(tmp_path / "checkpoint"),
        failures_path=str(tmp_path / "failures.jsonl"),
        max_concurrency=3,
    )
    assert (manifest["read"], manifest["total"], manifest["upserted"]) == (111, 109, 109)
    assert {*fetched(target, "1e5")} == {f"v{n}" for n in range(11, 300) if f"{n}".startswith("1")}


def test_a_retry_reads_from_the_page_on_that_was_not_copied(source: DevServer, target: DevServer) -> None:
    limits: dict[str, Any] = {
        "page_size": 10,
        "max_rows_per_second": 100,
        "max_rows_per_request": 5,
        "max_failures": 1,
    }
    task = copying(transform=spoil_v1, **limits)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while target.requests["upsert"] < 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        task.operator.on_kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    with pytest.raises(BulkJobFailed) as stopped:
        task.run()
    thread.join(60)
    assert not thread.is_alive()
    assert stopped.value.reason == "cancelled"
    assert task.xcoms["return_value"] == stopped.value.report.to_dict()
    assert 0 < task.xcoms["return_value"]["upserted"] < 299
    assert task.state.values
    del vars(task.operator)["_cancel_token"]  # the next try has another process
    task.operator.max_rows_per_second = None
    source.requests.clear()
    manifest = task.run()
    assert [manifest[name] for name in ("read", "total", "upserted", "rejected")] == [300, 300, 299, 1]
    assert 0 < source.requests["range"] < 30
    assert fetched(target, "copied").keys() == fetched(source, "films").keys() - {"v1"}
    assert not task.state.values


@pytest.mark.parametrize("target", [600.0], indirect=True)
@pytest.mark.needs("openlineage")
def test_lineage_has_source_and_target_also_after_a_deferral(source: DevServer, target: DevServer) -> None:
    task = copying(wait_until_indexed=True, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.run()
    hooks = UpstashVectorHook("prod"), UpstashVectorHook("staging")
    uris = [hook.asset().uri for hook in hooks]
    trigger: Any = deferred.value.trigger
    assert trigger.upstash_vector_conn_id == "staging"

    def lineage_of(operator: CopyVectorsOperator) -> list[list[str]]:
        lineage: Any = operator.get_openlineage_facets_on_complete(None)
        return [[f"{d.namespace}/{d.name}" for d in sets] for sets in (lineage.inputs, lineage.outputs)]

    expected = lineage_of(task.operator)
    assert [[uri.replace("%", "") for uri in uris] for uris in expected] == [[uris[0]], [uris[1]]]
    resumed = copying(wait_until_indexed=True, deferrable=True)
    event = {"status": "met", "message": "indexed", "permanent": False, "cause": None}
    context = resumed.context({})
    resumed.operator.render_template_fields(context)
    event["resume_data"] = trigger.resume_data
    assert resumed.operator.execute_complete(context, event)["upserted"] == 300
    assert lineage_of(resumed.operator) == expected


def test_what_is_refused_when_the_dag_is_parsed() -> None:
    for arguments, words in (
        ({"target_conn_id": "prod"}, "source and target are the same namespace"),
        ({"target_conn_id": "prod", "namespace": "a", "target_namespace": "a"}, "the same namespace"),
        ({"filter": "year > 1990"}, "filter: must be a Field expression"),
        ({"transform": "{{ params.f }}"}, "transform: must be a function or its import path"),
        ({"page_size": 0}, "page_size: "),
        ({"if_not_empty": "ask"}, "if_not_empty must be one of fail, merge"),
        ({"if_not_empty": "fail", "checkpoint": None}, "needs a checkpoint that a retry resumes from"),
    ):
        with pytest.raises(ValueError, match=words):
            copying(**arguments)
    copying(target_conn_id="prod", target_namespace="{{ params.x }}")
    with pytest.raises(Exception, match="rows"):
        copying(rows=[])


def test_what_is_refused_before_anything_is_sent(
    source: DevServer, target: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, words in (
        (
            {"target_conn_id": "prod_again", "target_namespace": "films"},
            "target: is the source, namespace 'films'",
        ),
        ({"source_conn_id": "no_such"}, "There is no Airflow connection 'no_such'"),
        ({"transform": "no.such"}, "transform: 'no.such' cannot be imported"),
        ({"prefix": "{{ params.number }}", "native": True}, "prefix: must be text"),
    ):
        with pytest.raises(AirflowFailException, match=words):
            copying(**arguments).run(number=1.5)
    assert not source.requests
    assert not target.requests
    with DevServer(dimension=3) as other, monkeypatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_STAGING", connection_json(other))
        with pytest.raises(AirflowFailException, match="dimension 3, but the source is DENSE with dimension 2"):
            copying().run()
    monkeypatch.setenv("AIRFLOW_CONN_PROD", connection_json(source).replace(source.token, "wrong"))
    with pytest.raises(AirflowFailException, match=r"401.*\(of the source\)"):
        copying().run()


def test_an_error_of_a_page_names_the_source(source: DevServer, target: DevServer) -> None:
    source.faults.add(Fault(kind="status", status=401, command="range"))
    with pytest.raises(BulkJobFailed, match=r"401.*\(of the source\)") as raised:
        copying().run()
    assert "staging" not in str(raised.value)
