"""Renders and runs one operator as the task runner does, on every Airflow version, without a database."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator


def rendered(native: bool, params: dict[str, Any] | None = None, **arguments: Any) -> UpdateVectorOperator:
    """Return an operator of a DAG with its template fields rendered."""
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = UpdateVectorOperator(task_id="t", **arguments)
    operator.render_template_fields(context(params))
    return operator


def run(native: bool, params: dict[str, Any] | None = None, **arguments: Any) -> int:
    """Render an operator, execute it and return what goes to XCom."""
    return rendered(native, params, **arguments).execute(context(params))


def context(params: dict[str, Any] | None) -> Any:
    return {"params": params or {}, "ds": "2026-01-02", "run_id": "test_run"}
