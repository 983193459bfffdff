"""The load and the sync of the cluster, each with a mapped task for a shard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpsertVectorsOperator, SyncVectorsOperator
from scripts.cluster.rows import SHARDS, prefix

ROWS_PER_SECOND = 500  # of a shard: slow enough that all of them run at once
RETRIES: dict[str, Any] = {"retries": 3, "retry_delay": timedelta(seconds=1)}
PARAMS = {"folder": Param(type="string", minLength=1)}

with DAG("cluster_load", schedule=None, params=PARAMS) as load:
    BulkUpsertVectorsOperator.partial(
        task_id="load",
        rows="{{ params.folder }}/load.jsonl",
        checkpoint="auto",
        max_rows_per_second=ROWS_PER_SECOND,
        **RETRIES,
    ).expand(shard=[(number, SHARDS) for number in range(SHARDS)])

with DAG("cluster_sync", schedule=None, params=PARAMS) as sync:
    SyncVectorsOperator.partial(task_id="sync", delete_missing=True, max_delete="20%", **RETRIES).expand_kwargs(
        [
            {"rows": f"{{{{ params.folder }}}}/sync-{number}.jsonl", "prefix": prefix(number)}
            for number in range(SHARDS)
        ]
    )
