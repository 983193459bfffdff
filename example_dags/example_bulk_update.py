"""Update the vectors of every row of a file; a retry resumes where the previous attempt stopped."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator

with DAG(
    "example_bulk_update",
    schedule=None,
    params={
        "rows": Param(
            "updates.jsonl",
            type="string",
            minLength=1,
            description="JSON Lines, CSV or Parquet, also s3:// or gs://",
        )
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    BulkUpdateVectorsOperator(
        task_id="update",
        rows="{{ params.rows }}",
        metadata_update_mode="PATCH",  # for rows without a mode of their own
        max_failures="1%",
        failures_path="{{ params.rows }}.failures.jsonl",
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
