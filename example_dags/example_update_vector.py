"""Update the metadata of one vector; id and values are params of the DAG run."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator

with DAG(
    dag_id="example_update_vector",
    schedule=None,
    params={
        "vector_id": Param("movie-1", type="string", minLength=1),
        "genre": Param("comedy", type="string", minLength=1),
    },
    tags=["example", "upstash-vector"],
) as dag:
    UpdateVectorOperator(
        task_id="update_vector",
        vector_id="{{ params.vector_id }}",
        metadata={"genre": "{{ params.genre }}", "year": None},  # under PATCH, None deletes the field
        metadata_update_mode="PATCH",
    )
