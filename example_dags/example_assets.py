"""Updating vectors triggers a DAG: it runs when the update has changed something, and is told how much.

``UPSTASH_VECTOR_HOST`` stands in for the host of your index: assets are made while this file is parsed, when no
connection is looked up.
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
    """Return how many vectors have changed; stands in for what is to be done with them."""
    by_asset = triggering_asset_events or triggering_dataset_events or {}  # Airflow 3's name, or Airflow 2's
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
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # Airflow 2 asks for one where there is a schedule
    tags=["example", "upstash-vector"],
) as consume:
    look_up()
