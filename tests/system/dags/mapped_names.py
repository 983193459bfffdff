"""Mapped tasks of every kind, for what Airflow shows in place of their indexes."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)

CHANGE: dict[str, Any] = {"data": "new"}


def mapped_names(dag_id: str, *, native: bool) -> DAG:
    with DAG(dag_id, schedule=None, render_template_as_native_obj=native) as dag:
        UpdateVectorOperator.partial(task_id="numbers", **CHANGE).expand(vector_id=[7, "8"])
        UpdateVectorOperator.partial(task_id="long", **CHANGE).expand(vector_id=["x" * 300])
        UpdateVectorOperator.partial(
            task_id="own", map_index_template="movie {{ task.vector_id }}", **CHANGE
        ).expand(vector_id=["movie-1"])
        UpdateVectorOperator(task_id="single", vector_id="movie-1", **CHANGE)
        BulkUpdateVectorsOperator.partial(task_id="shards", rows=[{"id": "movie-1", **CHANGE}]).expand(
            shard=[(0, 2), [1, 2]]
        )

        @task.upstash_vector_update(data="new")
        def decorated(id: str) -> dict[str, Any]:
            return {"id": id}

        decorated.expand(id=["movie-1", "movie-2"])
    return dag


plain = mapped_names("mapped_names_plain", native=False)
native = mapped_names("mapped_names_native", native=True)
