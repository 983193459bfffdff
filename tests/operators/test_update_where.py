"""The operator that updates all that matches: templates, limits, manifest, errors, lineage."""

from __future__ import annotations

import logging
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorsWhereOperator
from tests.support.bulk_runs import fill, stored
from tests.support.bulk_tasks import Task
from tests.support.harness import OutletEvents, task_instance
from tests.support.index_fixtures import connection_json
from tests.support.stored_fields import serialized, stored_fields

EMPTY = "rendered to an empty value, with which other vectors would match"
CHANGE: dict[str, Any] = {"where": Field("n") == -1, "metadata": {"seen": True, "n": 0}}


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    monkeypatch.setenv(
        "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, namespace="ns", max_attempts=1)
    )
    fill(server, [*(f"v{n}" for n in range(20)), "other"], "ns")
    return server


def updating(*, native: bool = False, **arguments: Any) -> Task:
    return Task(UpdateVectorsWhereOperator, native=native, **{**CHANGE, **arguments})


@pytest.mark.parametrize("native", [False, True])
def test_arguments_are_templates(index: DevServer, native: bool, tmp_path: Path) -> None:
    names = ("metadata_update_mode", "prefix", "namespace", "max_matches", "failures_path", "max_concurrency")
    task = updating(
        native=native,
        where=(Field("n") >= "{{ params.low }}") & Field("by").missing() | (Field("x") == "a{{ params.by }}"),
        metadata={"draft": None, "by": "{{ params.by }}", "id": "1e5"},
        dry_run="{{ params.dry_run }}",
        **{name: f"{{{{ params.{name} }}}}" for name in names},
    )
    manifest = task.run(
        by="1e6",
        low=-1,
        metadata_update_mode="OVERWRITE",
        prefix="v1",
        namespace="ns",
        max_matches=11,
        failures_path=str(tmp_path / "failures.jsonl"),
        max_concurrency=3,
        dry_run=False,
    )
    counts = {name: manifest[name] for name in ("scanned", "matched", "unchanged", "updated", "missing")}
    assert counts == {"scanned": 11, "matched": 11, "unchanged": 0, "updated": 11, "missing": 0}
    assert manifest["operations"] == {"written": 11, "read": 1}
    assert stored(index, "ns")["v1"] == {"draft": None, "by": "1e6", "id": "1e5"}


def test_a_second_run_writes_nothing_and_a_dry_run_neither(index: DevServer) -> None:
    assert updating(dry_run=True).run()["not_attempted"] == 21
    assert not index.requests["update"]
    task = updating(metadata='{"n": -1, "x": [1]}')
    for counts in ([21, 0, 21], [21, 21, 0]):
        manifest = task.run()
        assert [manifest[count] for count in ("matched", "unchanged", "updated")] == counts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"where": "n = 1"},
            'where: must be built with Field, since matches are found in the task, e.g. Field("year"',
        ),
        ({"where": "{{ params.x }}"}, "where: must be built with Field"),
        ({"metadata_update_mode": "MERGE"}, "metadata_update_mode: must be"),
        ({"max_matches": 0}, "max_matches: must be a whole number"),
        ({"on_budget": "stop"}, "on_budget must be one of fail, return"),
        ({"max_concurrency": 5_000}, "max_concurrency must be from 1"),
    ],
)
def test_invalid_arguments_break_the_dag(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        updating(**arguments)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"where": Field("n") != "{{ params.empty }}"}, f"where: the template '{{{{ params.empty }}}}' {EMPTY}"),
        ({"where": (Field("n") == 1) | Field("n").not_in(["a", "{{ params.empty }}"])}, EMPTY),
        ({"where": Field("n").missing() | Field("x").glob("{{ params.empty }}*")}, EMPTY),
        ({"where": Field("x").not_glob("{% if params.empty %}a{% endif %}")}, EMPTY),
        ({"where": Field("x") != "{{ params.none }}"}, EMPTY),
        ({"where": Field("n") < "{{ params.text }}"}, "where: "),
        ({"prefix": "{{ params.empty }}"}, f"prefix: the template '{{{{ params.empty }}}}' {EMPTY}"),
        ({"prefix": "v{{ params.empty }}"}, EMPTY),
        ({"prefix": "{{ params.none }}"}, EMPTY),
        ({"prefix": ""}, "prefix: must not be empty"),
        ({"namespace": "{{ params.none }}"}, "namespace: its template rendered to None"),
        ({"namespace": "{{ params.empty }}"}, "namespace: its template rendered to an empty text"),
        ({"max_matches": "{{ params.empty }}"}, "max_matches: must be a whole number: a template cannot lift"),
        ({"max_matches": "{{ params.none }}"}, "max_matches: must be a whole number: a template cannot lift"),
        ({"metadata": "{{ params.none }}"}, "metadata: must be a JSON object, got None"),
        ({"metadata": {}}, "metadata: must not be empty: a PATCH with it changes nothing"),
        (
            {"metadata": "{{ {} }}", "metadata_update_mode": "OVERWRITE"},
            "metadata: its template rendered to an empty object, which would remove all",
        ),
        ({"dry_run": "{{ params.empty }}"}, "dry_run: must be true or false"),
        ({"metadata": "{{ params.empty }}"}, "metadata: must be a JSON object, got None"),
        ({"metadata": "{{ params.text }}"}, "metadata: must be a JSON object"),
        ({"max_matches": "{{ 'x' }}"}, "max_matches: must be a whole number"),
        ({"max_matches": "{{ 20 }}"}, "21 vectors match, more than max_matches=20; none was changed"),
        ({"metadata_update_mode": "{{ 'MERGE' }}"}, "metadata_update_mode: must be"),
        ({"dry_run": "{{ 'x' }}"}, "dry_run: must be true or false"),
    ],
)
def test_what_is_wrong_after_rendering_fails_without_a_retry(
    index: DevServer, native: bool, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        updating(native=native, **arguments).run(empty="", none=None, text="[1]")
    assert not index.requests["update"]


def test_a_mapped_prefix_must_not_be_none() -> None:
    with DAG("d", schedule=None):
        task = UpdateVectorsWhereOperator.partial(task_id="t", **CHANGE).expand(prefix=["a", "b"])
    assert task.unmap({"prefix": "a"}).prefix == "a"
    with pytest.raises(InvalidRequest, match="prefix: is None, without which other vectors would be selected"):
        task.unmap({"prefix": None})
    with DAG("d", schedule=None):
        by_namespace = UpdateVectorsWhereOperator.partial(task_id="t", **CHANGE).expand(namespace=["a", "b"])
    assert by_namespace.unmap({"namespace": "a"}).prefix is None
    assert UpdateVectorsWhereOperator(task_id="t", prefix=None, **CHANGE).prefix is None


def test_all_metadata_can_be_removed(index: DevServer) -> None:
    assert updating(metadata={}, metadata_update_mode="OVERWRITE", prefix="v1").run()["updated"] == 11
    assert stored(index, "ns")["v1"] == {}


def test_a_failed_run_leaves_the_manifest_and_a_retry_sends_what_is_left(index: DevServer) -> None:
    index.faults.add(Fault(kind="quota", command="update"))
    task = updating(max_concurrency=1)
    with pytest.raises(BulkJobFailed):
        task.run()
    counts = task.xcoms["return_value"]
    assert (counts["matched"], counts["updated"] + counts["not_attempted"]) == (21, 21)
    index.faults.clear()
    assert task.run()["updated"] == counts["not_attempted"]


def test_the_event_of_an_outlet_has_the_counts(index: DevServer) -> None:
    outlets = [upstash_vector_asset(index.url, "ns"), upstash_vector_asset(index.url, "other")]
    with DAG("d", schedule=None):
        task = UpdateVectorsWhereOperator(
            task_id="t", outlets=outlets, wait_until_indexed=True, deferrable=False, **CHANGE
        )
    events = OutletEvents()
    context: Any = {"params": {}, "ti": task_instance(), "outlet_events": events.accessors}
    task.render_template_fields(context)
    assert task.execute(context)["updated"] == 21
    assert events.extras()[outlets[0].uri]["updated"] == 21
    assert index.requests["info"] > 0


def test_on_kill_cancels_the_scan(index: DevServer) -> None:
    task = updating()
    task.operator.on_kill()
    with pytest.raises(BulkJobFailed, match="the run was cancelled"):
        task.run()
    assert not index.requests["update"]


def test_on_kill_amid_updates_leaves_the_rest_to_the_next_try(index: DevServer) -> None:
    task = updating(max_rows_per_second=4, max_concurrency=1)

    def kill() -> None:
        end = time.monotonic() + 60
        while index.requests["update"] < 3 and time.monotonic() < end:
            time.sleep(0.01)
        task.operator.on_kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    with pytest.raises(BulkJobFailed, match="the run was cancelled"):
        task.run()
    thread.join(60)
    counts = task.xcoms["return_value"]
    assert 3 <= counts["updated"] < 21
    assert counts["updated"] + counts["failed"] + counts["not_attempted"] == 21
    assert 0 < updating().run()["updated"] <= 21 - counts["updated"]
    assert [metadata for metadata in stored(index, "ns").values() if metadata != CHANGE["metadata"]] == []


def test_the_daily_budget_covers_the_tries_of_the_task(
    index: DevServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    task = updating(daily_budget="{{ params.budget }}", on_budget="return")
    assert [task.run(budget=8)["updated"] for _ in range(2)] == [8, 0]
    assert index.requests["update"] == 8
    logs = caplog.text + capsys.readouterr().out  # it depends on Airflow which has it, or both
    assert "daily_budget covers the tries of this task instance only." in logs
    assert "covers this run alone" not in logs


def test_any_value_of_a_field_is_stored_as_strict_json() -> None:
    for odd in ({1, 2}, [float("nan")], object()):
        stored_fields(UpdateVectorsWhereOperator(task_id="t", where=Field("a") == 1, metadata={"a": odd}))
    with DAG("d", schedule=None) as dag:
        UpdateVectorsWhereOperator(task_id="t", **CHANGE)
        UpdateVectorsWhereOperator.partial(task_id="m", **CHANGE).expand(namespace=["a", "b"])
    assert "object at 0x" not in serialized(dag)
