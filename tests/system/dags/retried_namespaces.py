"""Tasks with retries that delete and rename namespaces."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import (
    DeleteNamespaceOperator,
    RenameNamespaceOperator,
)

RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=0.1)}

with DAG("retried_namespaces", schedule=None) as dag:
    delete: Any = DeleteNamespaceOperator(task_id="delete", namespace="a", **RETRIES)
    delete >> RenameNamespaceOperator(task_id="rename", namespace="b", new_namespace="c", **RETRIES)
