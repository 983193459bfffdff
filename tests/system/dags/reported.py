"""Writes markers where a token must not be, so that a test can check that its search finds them."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator


@task
def return_marker() -> str:
    return "marker-" + "in-an-xcom"  # in two parts, so that the search does not match this file


with DAG("reported", schedule=None) as dag:
    return_marker()
    UpdateVectorOperator(task_id="update", vector_id="{{ 'marker-in-a' ~ '-rendered-field' }}", data="x")
