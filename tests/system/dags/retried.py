"""A task with retries."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator

with DAG("retried", schedule=None) as dag:
    UpdateVectorOperator(
        task_id="update", vector_id="movie-1", data="new", retries=2, retry_delay=timedelta(seconds=0.1)
    )
