"""Make a namespace equal to its source every night: plan, let someone approve, apply.

Without Airflow 3.1, which has the ``ApprovalOperator``, the plan is applied if the guards let it.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple

from airflow_provider_upstash_vector.operators.upstash_vector import SyncVectorsOperator

SYNC: dict[str, Any] = {
    "rows": "{{ params.rows }}",
    "namespace": "movies",
    "scope": "all",
    "metadata_fields": ["title", "year"],
    "keep_metadata": ["reviewed"],  # written by people
    "delete_missing": True,
    "max_delete": "5%",  # of the vectors before the run; if there are more, nothing is written
    "plan_path": "{{ params.plans }}/{{ run_id }}.json",
}

with DAG(
    "example_sync",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "rows": Param("movies.parquet", type="string", minLength=1, description="All movies, also s3:// or gs://"),
        "plans": Param("/tmp/plans", type="string", minLength=1, description="Folder of the plans"),  # noqa: S108
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    plan = SyncVectorsOperator(task_id="plan", mode="plan", **SYNC)
    apply = SyncVectorsOperator(task_id="apply", mode="apply", **SYNC, retries=3, retry_delay=timedelta(minutes=5))
    if get_base_airflow_version_tuple() < (3, 1, 0):
        plan >> apply
    else:
        from airflow.providers.standard.operators.hitl import ApprovalOperator

        approve = ApprovalOperator(
            task_id="approve",
            subject="Sync movies?",
            body="{{ ti.xcom_pull(task_ids='plan')['markdown'] }}",
        )
        plan >> approve >> apply
