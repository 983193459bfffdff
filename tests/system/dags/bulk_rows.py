"""A bulk update with rows from the run's configuration, slow enough to be killed half-way."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator

with DAG(
    "bulk_rows",
    schedule=None,
    params={"rows": "", "conn_id": "upstash_vector_default"},
    render_template_as_native_obj=False,
):
    BulkUpdateVectorsOperator(
        task_id="update",
        rows="{{ params.rows }}",
        upstash_vector_conn_id="{{ params.conn_id }}",
        max_concurrency=16,
        max_rows_per_second=1_000,
        failures_path="{{ params.rows }}.failures",
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
