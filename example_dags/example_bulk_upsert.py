"""Load a file of vectors into a namespace, and wait until queries find them; a retry resumes."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpsertVectorsOperator

with DAG(
    "example_bulk_upsert",
    schedule=None,
    params={
        "rows": Param(
            "movies.parquet",
            type="string",
            minLength=1,
            description="Parquet, JSON, JSON Lines or CSV, also s3:// or gs://",
        ),
        "rate": Param(900, type="number", exclusiveMinimum=0, description="Rows per second"),
        "dry_run": Param(False, type="boolean", description="Check the rows, write nothing"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    BulkUpsertVectorsOperator(
        task_id="upsert",
        rows="{{ params.rows }}",
        metadata_fields="*",  # all columns that are no other field
        max_rows_per_second="{{ params.rate }}",
        dry_run="{{ params.dry_run }}",
        failures_path="{{ params.rows }}.failures.jsonl",
        wait_until_indexed=True,
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
