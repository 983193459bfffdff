"""Update vectors with results of other tasks: a vector of one task, and a mapped task per item of another."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, TaskGroup, task

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator


@task
def embed(text: str) -> list[float]:
    """Stand in for an embedding model."""
    return [len(text) / 100, text.count(" ") / 10]


@task
def corrections() -> list[dict[str, Any]]:
    """Stand in for a query for changed documents."""
    return [
        {"vector_id": "movie-2", "data": "A heist goes wrong."},
        {"vector_id": "movie-3", "metadata": {"genre": "western", "tags": ["classic"]}},
    ]


with DAG(
    dag_id="example_update_from_tasks", schedule=None, doc_md=__doc__, tags=["example", "upstash-vector"]
) as dag:
    text = "Two strangers meet on a night train."
    UpdateVectorOperator(
        task_id="reembed",
        vector_id="movie-1",
        vector=embed(text),
        data=text,
    )
    with TaskGroup("corrections_by_document"):
        UpdateVectorOperator.partial(task_id="correct", on_missing="fail").expand_kwargs(corrections())
