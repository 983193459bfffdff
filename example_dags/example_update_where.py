"""Archive the films of before a year; a second run finds that there is nothing left to change."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorsWhereOperator

with DAG(
    "example_update_where",
    schedule=None,
    params={"dry_run": Param(True, type="boolean", description="Count what would be updated, and write nothing")},
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    UpdateVectorsWhereOperator(
        task_id="archive",
        where=(Field("year") < 1990) & Field("keep").missing(),
        metadata={"archived": True, "draft": None},  # None deletes the field
        max_matches=50_000,
        dry_run="{{ params.dry_run }}",
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
