"""The operator that deletes what is selected: templates, limits, results, errors, lineage."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import DeleteVectorsOperator
from tests.support.bulk_runs import fill, stored
from tests.support.harness import OutletEvents, task_instance
from tests.support.index_fixtures import connection_json
from tests.support.stored_fields import stored_fields

IDS = [f"v{n}" for n in range(120)]
EMPTY = "rendered to an empty value, with which other vectors would match"


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    monkeypatch.setenv(
        "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, namespace="ns", max_attempts=1)
    )
    fill(server, [*IDS, "1e5", "kept"], "ns")
    return server


def deleted(
    params: dict[str, Any] | None = None, *, native: bool = False, outlets: Any = (), **arguments: Any
) -> tuple[Any, Any]:
    """Render and execute an operator; return its result and the events of its outlets."""
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        task = DeleteVectorsOperator(task_id="t", outlets=[*outlets], **arguments)
    events = OutletEvents()
    context: Any = {"params": params or {}, "ti": task_instance(), "outlet_events": events.accessors}
    task.render_template_fields(context)
    return task.execute(context), events


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("params", "arguments", "count"),
    [
        ({}, {"ids": IDS, "max_delete": None}, 120),
        ({"ids": IDS}, {"ids": "{{ params.ids }}", "max_delete": "{{ 120 }}"}, 120),
        ({"ids": '["v1", "1e5"]'}, {"ids": "{{ params.ids }}", "max_delete": 2}, 2),
        ({"id": "1e5"}, {"ids": ["{{ params.id }}"], "max_delete": 1}, 1),
        ({"id": "1e5"}, {"ids": "{{ params.id }}", "max_delete": 1}, 1),
        ({"ids": []}, {"ids": "{{ params.ids }}", "max_delete": 1}, 0),
        ({"prefix": "v"}, {"prefix": "{{ params.prefix }}", "max_delete": 120}, 120),
        ({"prefix": "v"}, {"prefix": "{{ params.prefix }}", "max_delete": None}, 120),
        ({"n": -1}, {"filter": Field("n") <= "{{ params.n }}", "max_delete": None}, 122),
        ({}, {"filter": Field("n") == -1, "max_delete": 122}, 122),
        ({}, {"filter": Field("n") == 0, "prefix": "v", "max_delete": 5}, 0),
    ],
)
def test_what_is_selected_is_deleted(
    index: DevServer, native: bool, params: dict[str, Any], arguments: dict[str, Any], count: int
) -> None:
    result, _ = deleted(params, native=native, **arguments)
    assert (result, type(result)) == (count, int)
    assert len(stored(index, "ns")) == 122 - count


def test_too_many_matches_fail_the_task_with_their_number(index: DevServer) -> None:
    with pytest.raises(AirflowFailException, match="delete in namespace 'ns': 120 vectors match, more"):
        deleted(prefix="v", max_delete=119)
    assert len(stored(index, "ns")) == 122
    assert not index.requests["delete"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_delete": None}, "delete: set ids, prefix or filter"),
        ({"ids": [], "prefix": "{{ x }}", "max_delete": 1}, "ids: must be without prefix and filter"),
        ({"prefix": "{{ x }}", "filter": Field("a") == 1, "max_delete": None}, "max_delete: must be set"),
        ({"prefix": "", "max_delete": 5}, "an empty prefix or filter would delete everything"),
        ({"filter": "a = {{ x }}", "max_delete": "{{ x }}"}, "filter: must be built with Field"),
        ({"prefix": "v", "max_delete": 0}, "max_delete: must be a whole number from 1"),
        ({"prefix": "v", "max_delete": "5"}, "max_delete: must be a whole number from 1"),
    ],
)
def test_invalid_arguments_break_the_dag(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        DeleteVectorsOperator(task_id="t", **arguments)


@pytest.mark.parametrize("name", ["ids", "prefix", "filter"])
def test_a_mapped_task_must_not_widen_the_selection(name: str) -> None:
    """``expand(filter=[None])`` beside a prefix would delete all that has it."""
    other = {"filter": Field("a") == 1} if name == "prefix" else {"prefix": "v"}
    with DAG("d", schedule=None):
        mapped: Any = DeleteVectorsOperator.partial(task_id="t", max_delete=5, **other).expand(**{name: [None]})
    with pytest.raises(InvalidRequest, match=f"{name}: is None"):
        mapped.unmap({name: None})


def test_the_limit_must_be_written() -> None:
    with pytest.raises(Exception, match="missing keyword argument 'max_delete'"):
        DeleteVectorsOperator(task_id="t", prefix="v")  # type: ignore[call-arg]  # the mistake in question


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prefix": "v", "max_delete": "{{ params.none }}"}, "a template cannot lift the limit"),
        ({"prefix": "v", "max_delete": "{{ params.empty }}"}, "a template cannot lift the limit"),
        ({"prefix": "v", "max_delete": "{{ 'x' }}"}, "max_delete: must be a whole number"),
        ({"prefix": "v", "max_delete": "{{ 0 }}"}, "max_delete: must be a whole number"),
        (
            {"prefix": "{{ params.empty }}", "max_delete": 1},
            f"prefix: the template '{{{{ params.empty }}}}' {EMPTY}",
        ),
        ({"prefix": "v{{ params.empty }}", "max_delete": 200}, EMPTY),
        ({"prefix": "{{ params.none }}", "max_delete": 1}, EMPTY),
        ({"prefix": "{{ params.none }}", "filter": Field("n") == -1, "max_delete": 200}, EMPTY),
        ({"filter": Field("n") != "{{ params.empty }}", "max_delete": 200}, EMPTY),
        ({"filter": Field("n") != "{{ params.empty }}", "max_delete": None}, EMPTY),
        ({"ids": ["v1"], "namespace": "{{ params.none }}", "max_delete": 1}, "namespace: its template rendered"),
        ({"ids": ["v1"], "namespace": "{{ params.empty }}", "max_delete": 1}, "namespace: its template rendered"),
        ({"ids": "{{ params.none }}", "max_delete": 1}, "delete: set ids, prefix or filter"),
        ({"ids": "{{ params.empty }}", "max_delete": 1}, "id: must not be empty"),
        ({"ids": "[1", "max_delete": 1}, "ids: must be a list of ids, got the text"),
        ({"ids": [1.5], "max_delete": 1}, "id: must be text, a whole number or a UUID"),
        ({"ids": ["a"], "namespace": 1.5, "max_delete": 1}, "namespace: must be text"),
    ],
)
def test_invalid_templates_fail_before_anything_is_sent(
    index: DevServer, native: bool, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        deleted({"none": None, "empty": ""}, native=native, **arguments)
    assert not index.requests


def test_any_value_of_a_field_is_stored_as_strict_json() -> None:
    odd: tuple[Any, ...] = ({1, 2}, (id for id in IDS), [float("nan")], [*IDS] * 1_000)
    for ids in odd:
        stored_fields(DeleteVectorsOperator(task_id="t", ids=ids, max_delete=1))
    stored_fields(DeleteVectorsOperator(task_id="t", filter=Field("a") == 1, max_delete=1))


def test_the_event_of_an_outlet_has_the_count(index: DevServer) -> None:
    outlets = [upstash_vector_asset(index.url, "ns"), upstash_vector_asset(index.url, "other")]
    _, events = deleted(outlets=outlets, prefix="v", max_delete=None, wait_until_indexed=True)
    assert events.extras()[outlets[0].uri]["deleted"] == 120
    assert index.requests["info"] > 0
    _, events = deleted(outlets=outlets, prefix="v", max_delete=10)
    assert events.extras() == {}


def test_a_failed_request_is_left_to_a_retry(index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=503, command="delete"))
    with pytest.raises(BulkJobFailed, match="120 failed"):
        deleted(ids=IDS, max_delete=None)
    assert deleted(ids=IDS, max_delete=None)[0] == 120
