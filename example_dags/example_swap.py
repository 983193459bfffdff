"""Load movies into a namespace of their own, check them, and let it take the place of the one in use.

The previous namespaces stay for a while: ``example_rollback`` brings one back.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.bulk.checking import CountBetween, MetadataHas, NoZeroVectors, SelfRecall
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpsertVectorsOperator,
    CheckVectorsOperator,
    ExpireNamespacesOperator,
    RollbackNamespaceOperator,
    SwapNamespaceOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor

# A run that an asset has triggered has no logical date, so there is no ts_nodash.
NEW = "movies__{{ (dag_run.logical_date or dag_run.run_after).strftime('%Y%m%dT%H%M%S') }}"

with DAG(
    "example_swap",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=30)},
    params={"rows": Param("movies.jsonl", type="string", minLength=1)},
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    load: Any = BulkUpsertVectorsOperator(
        task_id="load", rows="{{ params.rows }}", namespace=NEW, metadata_fields=["title", "year"]
    )
    ready: Any = UpstashVectorIndexReadySensor(task_id="ready", namespace=NEW)
    check: Any = CheckVectorsOperator(
        task_id="check",
        namespace=NEW,
        sample=500,
        checks=[
            CountBetween(1, None),
            NoZeroVectors(),
            MetadataHas("title", "year"),
            SelfRecall(at=1, least=0.98),
        ],
    )
    swap: Any = SwapNamespaceOperator(task_id="swap", namespace="movies", replacement=NEW)
    expire: Any = ExpireNamespacesOperator(task_id="expire", pattern="movies__*", keep=2)
    load >> ready >> check >> swap >> expire

with DAG(
    "example_rollback",
    schedule=None,
    params={
        "previous": Param(
            type="string",
            pattern="^movies__.+__previous$",
            title="Previous namespace",
            description="The XCom `previous` of the swap",
        ),
    },
    doc_md="Bring back the movies from before a swap; those in use get the name that they were loaded under.",
    tags=["example", "upstash-vector"],
) as rollback_dag:
    RollbackNamespaceOperator(task_id="rollback", namespace="movies", previous="{{ params.previous }}", retries=3)
