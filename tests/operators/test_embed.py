"""``embed`` of the bulk operators and decorators: what it may be, copies, serialized DAGs, and its errors."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.bulk.options import option_types
from airflow_provider_upstash_vector.decorators.upstash_vector import (
    upstash_vector_bulk_update_task,
    upstash_vector_bulk_upsert_task,
)
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import fill, stored
from tests.support.bulk_tasks import OPERATORS, Task
from tests.support.embeddings import CountedEmbedding, text_rows, vectors_of
from tests.support.harness import task_instance
from tests.support.stored_fields import serialized

EMBEDDING = [operator for operator in OPERATORS if "embed" in option_types(operator.options_type)]
ANY_OPERATOR = pytest.mark.parametrize("operator", EMBEDDING)


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, [f"v{n}" for n in range(100)])
    return server


@ANY_OPERATOR
@pytest.mark.parametrize(
    "embed",
    [vectors_of, CountedEmbedding(), "tests.support.embeddings:vectors_of"],
    ids=["function", "model", "path"],
)
def test_rows_without_a_vector_get_one(index: DevServer, operator: Any, embed: Any) -> None:
    manifest = Task(operator, rows=text_rows(100), embed=embed, embed_batch_size=30, embed_concurrency=2).run()
    assert manifest["embedded"] == manifest["total"] == 100
    assert json.loads(json.dumps(manifest)) == manifest
    assert stored(index)["v7"] == {"n": 7}


def rows_of_a_function() -> Any:
    yield from text_rows(100)


@ANY_OPERATOR
def test_a_dag_with_a_model_can_be_copied_serialized_and_mapped(operator: Any) -> None:
    model = CountedEmbedding()
    compiled = eval("lambda texts: [[1.0, 2.0] for _ in texts]")  # noqa: S307 - a function without a source
    with DAG("d", schedule=None) as dag:
        operator(task_id="plain", rows=text_rows(3), embed=model)
        operator.partial(task_id="mapped", embed=model).expand(rows=[text_rows(3)])
        operator.partial(task_id="compiled", rows=text_rows(3)).expand(embed=[compiled, model])
        decorated = upstash_vector_bulk_upsert_task(embed=compiled)(rows_of_a_function)
        decorated.override(task_id="f").expand_kwargs([{}])
    tasks: Any = {task.task_id: task for task in dag.tasks}
    assert copy.deepcopy(tasks["plain"]).embed(["text 1"]) == vectors_of(["text 1"])
    assert tasks["mapped"].unmap({"rows": []}).embed is model
    text = serialized(dag)
    assert " at 0x" not in text
    assert "1.0, 2.0" not in text


@pytest.mark.parametrize("decorator", [upstash_vector_bulk_update_task, upstash_vector_bulk_upsert_task])
def test_the_rows_of_a_function_are_embedded(decorator: Any) -> None:
    with DAG("d", schedule=None) as dag:
        decorator(embed=CountedEmbedding(), embed_batch_size=30)(rows_of_a_function)()
    operator: Any = copy.deepcopy(dag.tasks[0])
    context: Any = {"params": {}, "ti": task_instance()}
    operator.render_template_fields(context)
    assert operator.execute(context)["embedded"] == 100


@ANY_OPERATOR
def test_what_is_no_function_breaks_the_dag(operator: Any) -> None:
    wrong: list[dict[str, Any]] = [
        *({"embed": value} for value in ("{{ params.embed }}", "function", "a.b:", "", 5, ["a.b"])),
        *({"embed_batch_size": value} for value in (0, 2_049, "64", True)),
        {"embed_concurrency": 65},
        {"embed_attempts": 0},
    ]
    for arguments in wrong:
        with pytest.raises(ValueError, match=f"{next(iter(arguments))}:? must be"):
            Task(operator, rows=text_rows(1), **arguments)


@ANY_OPERATOR
@pytest.mark.parametrize("error", [AirflowSkipException("none today"), AirflowFailException("never")])
def test_skip_and_fail_exceptions_of_the_function_are_those_of_the_task(operator: Any, error: Exception) -> None:
    calls = []

    async def embed(texts: list[str]) -> Any:
        calls.append(texts)
        raise error

    task = Task(operator, rows=text_rows(100), embed=embed)
    with pytest.raises(type(error), match=str(error)):
        task.run()
    assert len(calls) == 1
    assert (task.xcoms["return_value"]["embedded"], task.xcoms["return_value"]["not_attempted"]) == (0, 100)


def test_an_error_leaves_the_rest_to_a_retry_and_a_wrong_result_does_not(index: DevServer) -> None:
    def embed(texts: list[str]) -> Any:
        if wrong:
            return wrong
        raise OSError("gone")

    wrong: list[list[float]] = []
    task = Task(rows=text_rows(100), embed=embed, embed_attempts=1)
    with pytest.raises(BulkJobFailed, match="OSError: gone"):
        task.run()
    wrong.append([1.0])
    with pytest.raises(AirflowFailException, match="returned 1 vector for 64 texts"):
        task.run()
