"""Update the vectors of a large file from several workers, one shard per mapped task, and sum the counts.

All rows of one vector should be in one shard: shards run in parallel, so rows of different shards have no order.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator

SHARDS = 16
WRITES_PER_SECOND = 1_000  # the rate limit of the index


@task(trigger_rule="all_done")  # a shard that failed has a manifest too, unless it was killed
def add_up(manifests: Any) -> dict[str, int]:
    """Return the number of manifests and the sums of their counts."""
    reports = [*manifests]
    counts = ("total", "updated", "missing", "rejected", "failed", "not_attempted")
    return {"shards": len(reports), **{count: sum(manifest[count] for manifest in reports) for count in counts}}


@task
def every_shard_has_succeeded() -> None:
    """Fail the run if a shard has failed, which ``add_up`` does not do."""


with DAG(
    "example_bulk_update_shards",
    schedule=None,
    params={"rows": Param("updates.jsonl", type="string", minLength=1)},
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    update = BulkUpdateVectorsOperator.partial(
        task_id="update",
        rows="{{ params.rows }}",
        checkpoint="auto",  # each mapped task has its own
        max_rows_per_second=WRITES_PER_SECOND / SHARDS,
        retries=3,
        retry_delay=timedelta(minutes=5),
    ).expand(shard=[(number, SHARDS) for number in range(SHARDS)])
    add_up(update.output)
    update >> every_shard_has_succeeded()
