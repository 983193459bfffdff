"""Trigger a DAG by an update of vectors; it reads the number of updated vectors from the asset event.

``UPSTASH_VECTOR_HOST`` is the host of your index: assets are created when this file is parsed, without a lookup of
the connection.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator

movies = upstash_vector_asset(os.environ.get("UPSTASH_VECTOR_HOST", "my-index-vector.upstash.io"), "movies")


@task
def look_up(triggering_asset_events: Any = None, triggering_dataset_events: Any = None) -> int:
    """Return the number of updated vectors; replace this with your own task."""
    by_asset = triggering_asset_events or triggering_dataset_events or {}  # Airflow 3 or Airflow 2
    return sum(event.extra["updated"] for asset in by_asset for event in by_asset[asset])


with DAG(
    "example_assets_update",
    schedule=None,
    params={"rows": Param("updates.jsonl", type="string", minLength=1)},
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as update:
    BulkUpdateVectorsOperator(task_id="update", rows="{{ params.rows }}", namespace="movies", outlets=[movies])

with DAG(
    "example_assets_consume",
    schedule=[movies],
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # Airflow 2 requires it for a schedule
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as consume:
    look_up()
