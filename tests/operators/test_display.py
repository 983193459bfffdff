"""Template fields as Airflow stores them: whatever their values are, and truncated; tasks use the whole values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base.display import shown, unwrap
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    CheckVectorsOperator,
    FetchVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
    UpdateVectorsWhereOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.support.harness import context, rendered, run
from tests.support.index_fixtures import connection_json
from tests.support.odd_dag import BULK_OPERATORS, DECORATORS, OPERATORS, OTHERS, REQUIRED, templated_arguments
from tests.support.odd_values import NESTED, ROWS, nested, odd_values, shallow_values
from tests.support.stored_fields import stored_fields
from tests.support.waiting_tasks import context as task_context

NUMBERS = [n / 8 for n in range(384)]
SHORT = "[0, 0.125, 0.25, 0.375, … 384 numbers]"
FORMS = [NUMBERS, tuple(NUMBERS), np.array(NUMBERS, "float32"), str(NUMBERS), "{{ params.vector }}"]
NAMES = ["list", "tuple", "array", "text", "template"]
NAN = float("nan")
SURROGATE = "a\ud800"


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("vector", FORMS, ids=NAMES)
def test_a_long_vector_is_truncated_in_the_rendered_fields(vector: Any, native: bool) -> None:
    operator = rendered(native, {"vector": NUMBERS}, vector_id="a", vector=vector)
    assert stored_fields(operator)["vector"] == SHORT


@pytest.mark.parametrize("vector", FORMS, ids=NAMES)
def test_a_long_vector_is_sent_whole(vector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with DevServer(dimension=384) as server, VectorClient(Endpoint.of(server.url, server.token)) as client:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server))
        client.upsert([{"id": "a", "vector": [1.0] * 384}])
        assert run(False, {"vector": NUMBERS}, vector_id="a", vector=vector) == 1
        (fetched,) = client.fetch(["a"], include_vectors=True)
    assert fetched is not None
    assert fetched.vector == NUMBERS


@pytest.mark.parametrize(
    "value",
    ["x", "", None, True, 5, 1.5, [0.1, 0.2], [[1], {"a": None}], {"a": {"b": [1]}}, {}, (1, "a"), ["x"] * 100],
)
def test_values_that_airflow_can_store_are_returned_as_they_are(value: Any) -> None:
    assert shown(value) is value


SHOWN: list[tuple[Any, Any]] = [
    (NAN, "nan"),
    ({"token": "x", "n": [NAN, 1]}, {"token": "x", "n": ["nan", 1]}),
    (SURROGATE, "a\\ud800"),
    ("a\0", "a\\x00"),
    ({1: {"b", "a"}}, {"1": ["a", "b"]}),
    (b"ab", "<bytes of 2>"),
    (10**5_000, "<int of 16,610 bits>"),
    (ROWS, "<list of 20,000>"),
    (iter(ROWS), "<list_iterator>"),
    ((row for row in ROWS), "<generator <genexpr>>"),
    ([{"vector": NUMBERS}], [{"vector": SHORT}]),
    ("x" * 100_000, "x" * 100 + "… 100,000 characters"),
]


def test_what_is_shown_of_other_values() -> None:
    for value, expected in SHOWN:
        as_shown = shown(value)
        assert (str(as_shown) if isinstance(expected, str) else as_shown) == expected
        assert unwrap(shown(value)) is value


def an_operator(kind: Any, value: Any) -> Any:
    """Return a task with ``value`` in every template field that takes any."""
    with DAG("d", schedule=None):
        if kind in DECORATORS:
            return kind(lambda _, **__: None, task_id="t")(value, a=value, b={"c": value}).operator
        names = [name for name, accepts_any in templated_arguments(kind).items() if accepts_any]
        required = REQUIRED.get(kind, "vector_id")
        arguments = {**dict.fromkeys(names, value), required: "a" if value is None else value}
        if isinstance(value, str):  # a literal one is checked when the DAG is parsed
            arguments.pop("metadata_update_mode", None)
        return kind(task_id="t", **arguments, **OTHERS.get(kind, {}))


@pytest.mark.parametrize("kind", [*OPERATORS, *DECORATORS])
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(value=NESTED)
def test_any_value_of_any_field_is_stored_as_strict_json(kind: Any, value: Any) -> None:
    operator = an_operator(kind, value)
    stored_fields(operator)
    with suppress(AirflowFailException):  # nested too deeply
        operator.render_template_fields(context({"value": value}))
    assert " at 0x" not in json.dumps(stored_fields(operator))


@pytest.mark.parametrize("native", [False, True])
def test_odd_values_of_templates_are_stored(native: bool) -> None:
    for value in shallow_values():
        try:
            str(value)
        except ValueError:  # so no template can
            continue
        with DAG("d", schedule=None, render_template_as_native_obj=native):
            operator: Any = UpdateVectorOperator(task_id="t", vector_id="a", metadata={"v": "{{ params.value }}"})
        operator.render_template_fields({"params": {"value": value}})
        stored_fields(operator)


NOT_TEXT = [NAN, [NAN], {"a": NAN}, b"x", 10**5_000, {1, 2}, nested(500), object()]
ODD_TEXT = [*NOT_TEXT, SURROGATE]
COUNTS = {"max_failures", "daily_budget"}  # of any size
INVALID: list[tuple[Any, str, list[Any]]] = [
    (UpdateVectorOperator, "vector_id", ODD_TEXT),
    (UpdateVectorOperator, "vector", [[1.0, NAN], [float("inf"), 1], np.array([1, NAN]), {1, 2}, [10**400, 1]]),
    (UpdateVectorOperator, "sparse_vector", [{"indices": [1], "values": [NAN]}, {"indices": [NAN], "values": []}]),
    (UpdateVectorOperator, "data", ODD_TEXT),
    (UpdateVectorOperator, "metadata", [NAN, {"a": NAN}, {"a": SURROGATE}, {"a": b""}, {"a": {NAN}}, {1.5: 2}]),
    (UpdateVectorOperator, "metadata", [{"a": nested(500)}, {"a": 10**5_000}]),
    (UpdateVectorOperator, "metadata_update_mode", ODD_TEXT),
    (UpdateVectorOperator, "namespace", ODD_TEXT),
    (UpdateVectorOperator, "upstash_vector_conn_id", NOT_TEXT),
    (BulkUpdateVectorsOperator, "rows", [NAN, "a\0.jsonl", [{"id": "a", "data": NAN}], [{"id": SURROGATE}]]),
    (BulkUpdateVectorsOperator, "namespace", ODD_TEXT),
    (BulkUpdateVectorsOperator, "metadata_update_mode", ODD_TEXT),
    (BulkUpdateVectorsOperator, "failures_path", [*ODD_TEXT, "a\0"]),
    (BulkUpdateVectorsOperator, "checkpoint", [*ODD_TEXT, "a\0"]),
    (BulkUpdateVectorsOperator, "shard", [NAN, [0, NAN], {"a": NAN}, b"x", [0, 0]]),
    (BulkUpdateVectorsOperator, "upstash_vector_conn_id", NOT_TEXT),
    *[
        (kind, name, [value for value in (*ODD_TEXT, "fast", -1) if name not in COUNTS or value != 10**5_000])
        for kind in BULK_OPERATORS
        for name, accepts_any in templated_arguments(kind).items()
        if not accepts_any and name != "metadata_update_mode"
    ],
    (UpdateVectorsWhereOperator, "metadata", [NAN, {"a": NAN}, {"a": SURROGATE}, {"a": nested(500)}, {1.5: 2}]),
    (UpdateVectorsWhereOperator, "metadata_update_mode", ODD_TEXT),
    (UpdateVectorsWhereOperator, "namespace", ODD_TEXT),
    (UpdateVectorsWhereOperator, "failures_path", [*ODD_TEXT, "a\0"]),
    (UpdateVectorsWhereOperator, "max_matches", [*ODD_TEXT, 0, True, "many"]),
    (UpdateVectorsWhereOperator, "dry_run", [*ODD_TEXT, 1]),
    (UpdateVectorsWhereOperator, "upstash_vector_conn_id", NOT_TEXT),
    (CheckVectorsOperator, "namespace", ODD_TEXT),
    (CheckVectorsOperator, "baseline", ODD_TEXT),
    (CheckVectorsOperator, "sample", [*ODD_TEXT, 0, True, "many"]),
    (CheckVectorsOperator, "seed", [value for value in ODD_TEXT if value != 10**5_000] + [True, 1.5]),
    (CheckVectorsOperator, "upstash_vector_conn_id", NOT_TEXT),
    (QueryVectorsOperator, "vector", [[1.0, NAN], np.array([1, NAN]), {1, 2}, [10**400, 1], NAN]),
    (QueryVectorsOperator, "sparse_vector", [{"indices": [1], "values": [NAN]}, b"x", NAN]),
    (QueryVectorsOperator, "data", ODD_TEXT),
    (QueryVectorsOperator, "top_k", [*ODD_TEXT, 0, 10**400, "many", True]),
    (QueryVectorsOperator, "filter", ODD_TEXT),
    (QueryVectorsOperator, "namespace", ODD_TEXT),
    (QueryVectorsOperator, "upstash_vector_conn_id", NOT_TEXT),
    (FetchVectorsOperator, "ids", [value for value in ODD_TEXT if value != {1, 2}]),
    (FetchVectorsOperator, "ids", [[SURROGATE], ["a", None], {"a": 1}, "['a' 'b']", [""]]),
    (FetchVectorsOperator, "prefix", ODD_TEXT),
    (FetchVectorsOperator, "namespace", ODD_TEXT),
    (FetchVectorsOperator, "upstash_vector_conn_id", NOT_TEXT),
    (UpstashVectorIndexReadySensor, "namespace", ODD_TEXT),
    (UpstashVectorIndexReadySensor, "vector_id", ODD_TEXT),
    (UpstashVectorIndexReadySensor, "metadata", [NAN, {"a": NAN}, {"a": b""}]),
    (UpstashVectorIndexReadySensor, "upstash_vector_conn_id", NOT_TEXT),
]  # fmt: skip


def created_and_executed(kind: Any, **arguments: Any) -> None:
    with DAG("d", schedule=None):
        operator = kind(task_id="t", **arguments)
    operator.render_template_fields(context({}))
    operator.execute({**task_context(), "task_state_store": None})


@pytest.mark.usefixtures("server", "connection")
@pytest.mark.parametrize(
    ("kind", "field", "values"), INVALID, ids=lambda item: str(getattr(item, "__name__", ""))[:9]
)
def test_execute_names_the_field_of_an_invalid_value(kind: Any, field: str, values: list[Any]) -> None:
    needed: dict[str, Any] = {REQUIRED.get(kind, "vector_id"): [] if kind in BULK_OPERATORS else "a"}
    if (kind is QueryVectorsOperator and field.endswith("vector")) or field == "prefix":
        needed = {}
    needed |= OTHERS.get(kind, {})
    if kind is UpdateVectorsWhereOperator and field not in {"metadata", "prefix"}:
        needed["metadata"] = {"a": 1}
    if kind is UpdateVectorOperator:
        needed["metadata" if field == "metadata_update_mode" else "data"] = {} if "mode" in field else "x"
    for value in values:
        with pytest.raises((AirflowFailException, BulkJobFailed, ValueError)) as raised:
            created_and_executed(kind, **{**needed, field: value})
        text = str(raised.value.report.to_dict() if isinstance(raised.value, BulkJobFailed) else raised.value)
        assert field in text or "1 rejected" in text, text


def test_the_serialized_dag_is_the_same_in_every_process_and_small() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.odd_dag"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    try:
        first, second = (json.loads(process.communicate(timeout=240)[0].splitlines()[-1]) for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert first == second
    for task in first["dag"]["tasks"]:
        assert len(json.dumps(task)) < 250_000, task["__var"]["task_id"]
    assert " at 0x" not in json.dumps(first)


@pytest.mark.parametrize("number", range(len(odd_values())))
def test_mapped_tasks_get_the_whole_value(number: int) -> None:
    value = odd_values()[number]
    with DAG("d", schedule=None):
        partial: Any = UpdateVectorOperator.partial(task_id="partial", vector_id="a", metadata=value)
        mapped = partial.expand(data=["x"])
        expanded: Any = UpdateVectorOperator.partial(task_id="expand", vector_id="a").expand(metadata=[value])
        listed: Any = UpdateVectorOperator.partial(task_id="listed", vector_id="a").expand_kwargs(
            [{"metadata": value}]
        )
    assert mapped.unmap({"data": "x"}).__dict__["metadata"] is mapped.partial_kwargs["metadata"]
    for shown_value in (
        mapped.partial_kwargs["metadata"],
        expanded.expand_input.value["metadata"][0],
        listed.expand_input.value[0]["metadata"],
    ):
        assert unwrap(shown_value) is value


@pytest.mark.usefixtures("server", "connection")
def test_functions_get_the_whole_values() -> None:
    found: list[Any] = []

    def positional(*values: Any) -> None:
        found.extend(values)

    def named(value: Any) -> None:
        found.extend(value)

    values = shallow_values()
    for kind in DECORATORS:
        with DAG("d", schedule=None):
            tasks = [kind(positional)(*values).operator, kind(named)(value=values).operator]
        for task in tasks:
            task.render_template_fields(context({}))
            with pytest.raises((AirflowFailException, BulkJobFailed)):
                task.execute(context({}))
            assert [*map(type, found)] == [*map(type, values)]
            found.clear()


@given(st.data())
def test_shown_values_are_shown_as_they_are(data: Any) -> None:
    value = shown(data.draw(NESTED))
    assert shown(value) is value
