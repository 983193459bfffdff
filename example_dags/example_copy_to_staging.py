"""Copy recent films from one index to another every night, without what staging must not have.

``UPSTASH_VECTOR_HOST`` and ``UPSTASH_VECTOR_STAGING_HOST`` are the hosts of the indexes, for their assets.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.operators.upstash_vector import CopyVectorsOperator

production = os.environ.get("UPSTASH_VECTOR_HOST", "my-index-vector.upstash.io")
staging = os.environ.get("UPSTASH_VECTOR_STAGING_HOST", "staging-vector.upstash.io")


def without_owner(row: dict[str, Any]) -> dict[str, Any]:
    """Leave the owner out of the metadata."""
    return {**row, "metadata": {name: value for name, value in row["metadata"].items() if name != "owner"}}


with DAG(
    "example_copy_to_staging",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    CopyVectorsOperator(
        task_id="copy",
        target_conn_id="upstash_vector_staging",
        target_namespace="films",
        filter=Field("year") >= 1990,
        transform=without_owner,
        max_rows_per_second=900,
        wait_until_indexed=True,
        inlets=[upstash_vector_asset(production)],
        outlets=[upstash_vector_asset(staging, "films")],
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
