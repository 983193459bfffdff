"""The TaskFlow decorators."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.decorators.signatures import (
    BulkDeleteTask,
    BulkUpdateTask,
    BulkUpsertTask,
    UpdateTask,
)
from airflow_provider_upstash_vector.decorators.upstash_vector import (
    upstash_vector_bulk_delete_task,
    upstash_vector_bulk_update_task,
    upstash_vector_bulk_upsert_task,
    upstash_vector_update_task,
)
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    UpdateVectorOperator,
)
from tests.support.bulk_runs import fill, stored
from tests.support.harness import task_instance


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, [f"v{n}" for n in range(300)])
    return server


def executed(decorated: Any, *args: Any, native: bool = False, **kwargs: Any) -> Any:
    """Call a decorated function in a DAG, render and execute its task; return the result."""
    with DAG("d", schedule=None, render_template_as_native_obj=native) as dag:
        decorated(*args, **kwargs)
    operator: Any = dag.tasks[0]
    context: Any = {"params": {"genre": "crime"}, "ti": task_instance(), "ds": "2026-01-02"}
    operator.render_template_fields(context)
    return operator.execute(context)


@pytest.mark.parametrize("native", [False, True])
def test_a_function_that_returns_a_change(index: DevServer, native: bool) -> None:
    @upstash_vector_update_task(metadata_update_mode="PATCH")
    def change(id: str, genre: str, ds: Any = None) -> dict[str, Any]:
        return {"id": id, "metadata": {"genre": genre, "day": ds, "text": "{{ no.template }}"}}

    assert executed(change, "v1", "{{ params.genre }}", native=native) == 1
    assert stored(index)["v1"] == {"n": -1, "genre": "crime", "day": "2026-01-02", "text": "{{ no.template }}"}


def test_a_mapped_task_has_a_name_once_the_function_has_returned_the_id() -> None:
    names: list[str | None] = []

    @upstash_vector_update_task(data="new")
    def change() -> dict[str, Any]:
        names.append(context.get("map_index_template"))
        return {"id": "v1"}

    with DAG("d", schedule=None):
        result: Any = change()
    operator = result.operator
    ti = task_instance()
    ti.map_index = 0
    context: Any = {"params": {}, "ti": ti}
    operator.render_template_fields(context)
    operator.execute(context)
    names.append(operator.get_template_env().from_string(context["map_index_template"]).render(task=operator))
    assert names == [None, "id v1"]


def test_the_result_takes_precedence_over_the_arguments(index: DevServer) -> None:
    fill(index, ["x"], "ns")

    @upstash_vector_update_task(namespace="other")
    def change() -> dict[str, Any]:
        return {"id": "x", "metadata": {"n": 5}, "namespace": "ns"}

    assert executed(change) == 1
    assert stored(index, "ns") == {"x": {"n": 5}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "must be a mapping with id and fields to change, got NoneType"),
        ({"data": "x"}, "id: is required"),
        ({"id": "v1", "metdata": {}}, "metdata: there is no such field"),
        ({"id": "v1"}, "nothing to update"),
        ({"id": 1.5, "data": "x"}, "must be text"),
    ],
)
def test_an_invalid_result_fails_immediately(change: Any, message: str) -> None:
    @upstash_vector_update_task
    def broken() -> Any:
        return change

    with pytest.raises(AirflowFailException, match=message):
        executed(broken)


def test_returned_rows_are_sent(index: DevServer) -> None:
    @upstash_vector_bulk_update_task(max_concurrency=8)
    def rows(count: int) -> list[dict[str, Any]]:
        return [{"id": f"v{n}", "metadata": {"n": n}} for n in range(count)]

    assert executed(rows, 300)["updated"] == 300
    assert stored(index) == {f"v{n}": {"n": n} for n in range(300)}


@pytest.mark.parametrize("native", [False, True])
def test_returned_rows_are_upserted(index: DevServer, native: bool) -> None:
    @upstash_vector_bulk_upsert_task(max_concurrency="{{ 8 }}", namespace="{{ params.genre }}")
    def rows(count: int) -> Iterator[dict[str, Any]]:
        yield from (
            {"id": f"w{n}", "vector": [1, n], "metadata": {"n": "{{ no.template }}"}} for n in range(count)
        )

    assert executed(rows, 300, native=native)["upserted"] == 300
    assert stored(index, "crime") == {f"w{n}": {"n": "{{ no.template }}"} for n in range(300)}


def test_yielded_ids_are_deleted(index: DevServer) -> None:
    @upstash_vector_bulk_delete_task
    def ids(count: int) -> Iterator[str]:
        yield from (f"v{n}" for n in range(count))

    manifest = executed(ids, 301)
    assert (manifest["deleted"], manifest["missing"], stored(index)) == (300, 1, {})


def test_yielded_rows_are_sent_before_the_generator_ends(index: DevServer) -> None:
    sent_at_the_end: list[int] = []

    @upstash_vector_bulk_update_task
    def rows() -> Iterator[dict[str, Any]]:
        for _ in range(10):
            yield from ({"id": f"v{n}", "data": "x"} for n in range(300))
        sent_at_the_end.append(index.requests["update"])

    assert executed(rows)["updated"] == 3_000
    assert sent_at_the_end[0] > 0  # rows behind those in flight are read ahead


def test_the_decorators_arguments_are_templates(index: DevServer) -> None:
    @upstash_vector_update_task(
        metadata={"genre": "{{ params.genre }}"}, data="{{ ds }}", vector="[1, {{ 1 + 1 }}]"
    )
    def change() -> dict[str, Any]:
        return {"id": "v1"}

    assert executed(change) == 1
    assert stored(index)["v1"] == {"genre": "crime"}
    with VectorClient(Endpoint.of(index.url, index.token)) as client:
        (fetched,) = client.fetch(["v1"], include_vectors=True, include_data=True)
    assert fetched is not None
    assert (fetched.vector, fetched.data) == ([1, 2], "2026-01-02")


def test_async_functions(index: DevServer) -> None:
    @upstash_vector_update_task
    async def change() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"id": "v1", "metadata": {"n": 1}}

    @upstash_vector_bulk_update_task
    async def rows() -> list[dict[str, Any]]:
        await asyncio.sleep(0)
        return [{"id": "v2", "metadata": {"n": 2}}]

    @upstash_vector_bulk_update_task
    async def yielded() -> AsyncIterator[dict[str, Any]]:
        yield {"id": "v3", "metadata": {"n": 3}}

    assert executed(change) == 1
    assert executed(rows)["updated"] == executed(yielded)["updated"] == 1
    assert [stored(index)[id] for id in ("v1", "v2", "v3")] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_only_a_manifest_can_be_split_into_multiple_outputs() -> None:
    bulk = upstash_vector_bulk_update_task(multiple_outputs=True)
    with DAG("d", schedule=None) as dag:
        bulk(list)()
    operator: Any = dag.tasks[0]
    assert operator.multiple_outputs
    with pytest.raises(ValueError, match="the task's result is the updated count"):
        upstash_vector_update_task(multiple_outputs=True)


def test_they_are_registered() -> None:
    assert task.upstash_vector_update is not None
    assert task.upstash_vector_bulk_update is not None
    assert task.upstash_vector_bulk_upsert is not None
    assert task.upstash_vector_bulk_delete is not None


@pytest.mark.parametrize(
    ("protocol", "operator", "from_the_function"),
    [
        (UpdateTask, UpdateVectorOperator, {"vector_id"}),
        (BulkUpdateTask, BulkUpdateVectorsOperator, {"rows"}),
        (BulkUpsertTask, BulkUpsertVectorsOperator, {"rows"}),
        (BulkDeleteTask, BulkDeleteVectorsOperator, {"rows"}),
    ],
)
def test_the_decorators_declare_the_operators_arguments(
    protocol: Any, operator: Any, from_the_function: set[str]
) -> None:
    def keywords(function: Any) -> dict[str, str]:
        """Return the type of each keyword argument; a decorator takes no XComArg."""
        parameters = inspect.signature(inspect.unwrap(function)).parameters.values()
        return {
            parameter.name: parameter.annotation.replace(" | XComArg", "")
            for parameter in parameters
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    declared = keywords(protocol.__call__)
    bases = [
        base for base in operator.__mro__ if issubclass(base, UpstashVectorOperator) and "__init__" in vars(base)
    ]
    expected = {name: kind for base in bases for name, kind in keywords(base.__init__).items()}
    assert declared == {name: kind for name, kind in expected.items() if name not in from_the_function}
