"""Back up all namespaces of an index every night, and restore a backup by hand.

Each night has a folder of its own. A retry resumes; a backup during which the index was written to says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpsertVectorsOperator,
    ExportVectorsOperator,
)

with DAG(
    "example_nightly_backup",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    params={"folder": Param("s3://backups/movies", type="string", minLength=1)},
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as backup:
    ExportVectorsOperator(
        task_id="export",
        path="{{ params.folder }}/{{ run_id | replace(':', '') }}",
        format="parquet",
        retries=3,
        retry_delay=timedelta(minutes=5),
    )

with DAG(
    "example_restore",
    schedule=None,
    params={
        "manifest": Param("s3://backups/movies/scheduled__2026-01-01/manifest.json", type="string", minLength=1),
        "checkpoint": Param("s3://backups/restore.checkpoint", type="string", minLength=1),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as restore:
    BulkUpsertVectorsOperator(
        task_id="restore",
        rows="{{ params.manifest }}",
        if_not_empty="fail",  # the namespaces of the backup must be empty, except for a retry
        checkpoint="{{ params.checkpoint }}",
        wait_until_indexed=True,
        retries=3,
    )
