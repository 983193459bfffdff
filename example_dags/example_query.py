"""Query an index in a task, and branch on the result: read what is similar, or report that nothing is."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.operators.upstash_vector import FetchVectorsOperator, QueryVectorsOperator

MIN_SCORE = 0.9


@task.branch
def choose(results: Any) -> str:
    """Return the task that runs next."""
    is_similar = bool(results) and results[0]["score"] >= MIN_SCORE
    return "read_nearest" if is_similar else "report_none"


@task
def report_none() -> None:
    """Replace this with your own task."""
    print("There is no similar movie.")  # noqa: T201 - in the task's log


with DAG(
    "example_query",
    schedule=None,
    params={
        "vector": Param([1, 1], type="array", minItems=1, items={"type": "number"}),
        "genre": Param("drama", type="string", minLength=1),
        "since": Param(1990, type="integer"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    query = QueryVectorsOperator(
        task_id="query",
        vector="{{ params.vector }}",
        top_k=3,
        filter=(Field("genre") == "{{ params.genre }}") & (Field("year") >= "{{ params.since }}"),
        include_metadata=True,
    )
    read_nearest = FetchVectorsOperator(
        task_id="read_nearest",
        ids="{{ ti.xcom_pull('query')[0]['id'] }}",
        include_data=True,
        include_metadata=True,
        on_missing="fail",
    )
    choose(query.output) >> [read_nearest, report_none()]
