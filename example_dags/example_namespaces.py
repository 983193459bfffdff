"""Delete the namespaces of past days, named ``day-2026-01-31`` and so on, but for the newest ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_upstash_vector.operators.upstash_vector import (
    DeleteNamespaceOperator,
    ListNamespacesOperator,
)

with DAG(
    "example_namespaces",
    schedule=None,
    params={
        "prefix": Param("day-", type="string", minLength=1, description="Namespaces with other names are kept"),
        "keep": Param(7, type="integer", minimum=1, description="The number of days to keep"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:

    @task
    def past(names: list[str], params: Any = None) -> list[str]:
        """Return the names of all but the newest days."""
        days = sorted(name for name in names if name.startswith(params["prefix"]))
        return days[: -params["keep"]]

    listed: Any = ListNamespacesOperator(task_id="list")
    DeleteNamespaceOperator.partial(
        task_id="delete", if_missing="ignore", retries=3, retry_delay=timedelta(minutes=5)
    ).expand(namespace=past(listed.output))
