"""``SyncVectorsOperator``: arguments, templates, XCom and errors, in Airflow without a database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import SyncVectorsOperator
from tests.support.bulk_runs import fill, stored
from tests.support.bulk_tasks import Task

ROWS = [{"id": id, "vector": [1, 2], "metadata": {"n": 1}} for id in ("a", "b")]


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, ["a", "old"], "films")
    return server


def task(**arguments: Any) -> Task:
    return Task(SyncVectorsOperator, **{"rows": ROWS, "namespace": "films", "scope": "all", **arguments})


@pytest.mark.parametrize("native", [False, True])
def test_a_plan_and_its_apply_from_templates(index: DevServer, tmp_path: Path, native: bool) -> None:
    arguments = {
        "rows": "{{ params.rows }}",
        "mode": "{{ params.mode }}",
        "plan_path": "{{ params.folder }}/plan.json",
        "delete_missing": "{{ params.delete }}",
        "max_delete": "{{ params.max }}",
        "native": native,
    }
    params = {"rows": ROWS, "folder": str(tmp_path), "delete": True, "max": "50%"}
    plan = task(**arguments).run(mode="plan", **params)
    assert "| changed | 1 |" in plan["markdown"]
    assert stored(index, "films").keys() == {"a", "old"}
    applied = task(**arguments).run(mode="apply", **params)
    assert json.loads(json.dumps(applied)) == applied
    names = ("added", "changed", "metadata_only", "unchanged", "deleted", "operations")
    assert [applied[name] for name in names] == [1, 1, 0, 0, 1, {"written": 3, "read": 2}]
    assert stored(index, "films").keys() == {"a", "b"}


def test_a_templated_prefix_and_waiting(index: DevServer) -> None:
    manifest = task(
        rows=[{"id": "doc#1", "vector": [1, 1]}],
        scope=None,
        prefix="{{ params.doc }}#",
        wait_until_indexed=True,
    ).run(doc="doc")
    assert manifest["added"] == 1
    assert stored(index, "films").keys() == {"a", "old", "doc#1"}


def test_a_guard_fails_the_task_at_once_and_leaves_its_counts(index: DevServer) -> None:
    syncing = task(delete_missing=True, max_delete=0)
    with pytest.raises(AirflowFailException, match="more than max_delete=0"):
        syncing.run()
    assert syncing.xcoms["return_value"]["deleted"] == 1
    assert stored(index, "films").keys() == {"a", "old"}
    index.faults.add(Fault(kind="status", status=400, command="upsert", times=3))
    with pytest.raises(Exception, match="could not be upserted"):
        task(delete_missing=True, max_delete=1).run()
    assert "old" in stored(index, "films")


def test_a_skip_that_the_rows_raise_skips_the_task() -> None:
    def rows() -> Any:
        yield ROWS[0]
        raise AirflowSkipException("no new rows today")

    with pytest.raises(AirflowSkipException, match="no new rows"):
        task(rows=rows()).run()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scope": None}, "exactly one of scope"),
        ({"prefix": "{{ ds }}"}, "exactly one of scope"),
        ({"delete_missing": True}, "needs max_delete"),
        ({"mode": "go"}, "mode must be one of"),
        ({"checkpoint": "x"}, "no argument checkpoint"),
        ({"max_failures": 1}, "no argument max_failures"),
        ({"dry_run": True}, "no argument dry_run"),
    ],
)
def test_wrong_arguments_break_the_dag(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        task(**arguments)


def test_templates_that_options_depend_on_are_accepted_when_the_dag_is_parsed() -> None:
    task(delete_missing=True, max_delete="{{ params.max }}")
    task(scope=None, prefix="{{ params.prefix }}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "{{ 'go' }}"}, "mode must be one of"),
        ({"mode": "{{ params.empty }}"}, "mode must be one of"),
        ({"namespace": "{{ params.none }}"}, "namespace: its template rendered to None"),
        ({"namespace": "{{ params.empty }}"}, "namespace: its template rendered to an empty text"),
        ({"config_version": "{{ params.empty }}"}, "config_version: its template rendered to an empty text"),
        ({"plan_path": "{{ params.none }}"}, "plan_path: its template rendered to no path"),
        ({"plan_path": "{{ params.empty }}"}, "plan_path: its template rendered to no path"),
        ({"scope": None, "prefix": "a{{ params.empty }}"}, "prefix: the template"),
        ({"scope": None, "prefix": "{{ params.none }}"}, "prefix: the template"),
        ({"max_delete": "{{ params.none }}"}, "delete_missing needs max_delete"),
        ({"max_delete": "{{ params.empty }}"}, "max_delete must be a whole number of rows"),
        ({"delete_missing": "{{ params.empty }}"}, "delete_missing: must be true or false"),
    ],
)
def test_what_is_wrong_after_rendering_fails_before_anything_is_sent(
    index: DevServer, arguments: dict[str, Any], message: str
) -> None:
    syncing = task(**{"delete_missing": True, "max_delete": 5, **arguments})
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        syncing.run(empty="", none=None)
    assert not index.requests
