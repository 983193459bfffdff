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
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    UpdateVectorOperator(
        task_id="update_vector",
        vector_id="{{ params.vector_id }}",
        metadata={"genre": "{{ params.genre }}"},
        metadata_update_mode="PATCH",  # other fields of the metadata stay as they are
    )
