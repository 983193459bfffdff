"""Writes markers to where a token must not be, so that the search for it can be seen to work."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator


@task
def tell() -> str:
    return "marker-" + "in-an-xcom"  # in two, so that this file is not what is found


with DAG("message", schedule=None) as dag:
    tell()
    UpdateVectorOperator(task_id="update", vector_id="{{ 'marker-in-a' ~ '-rendered-field' }}", data="x")
