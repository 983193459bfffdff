"""Renders and executes an operator as the task runner does, on every Airflow version, without a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator
from tests.support.airflow_features import AIRFLOW


def rendered(native: bool, params: dict[str, Any] | None = None, **arguments: Any) -> UpdateVectorOperator:
    """Return an operator of a DAG with its template fields rendered."""
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = UpdateVectorOperator(task_id="t", **arguments)
    operator.render_template_fields(context(params))
    return operator


def run(native: bool, params: dict[str, Any] | None = None, **arguments: Any) -> int:
    """Render and execute an operator; return its result."""
    return rendered(native, params, **arguments).execute(context(params))


def context(params: dict[str, Any] | None) -> Any:
    return {"params": params or {}, "ds": "2026-01-02", "run_id": "test_run"}


def task_instance() -> Any:
    """Return a task instance that keeps its XComs in ``xcoms``."""
    xcoms: dict[str, Any] = {}
    names = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
    return SimpleNamespace(**names, xcoms=xcoms, xcom_push=lambda key, value: xcoms.update({key: value}))


class OutletEvents:
    """``outlet_events`` of a task's context, on every Airflow version."""

    def __init__(self) -> None:
        if AIRFLOW >= (3, 0):
            from airflow.sdk.execution_time.context import OutletEventAccessors  # noqa: PLC0415 - not everywhere
        else:
            from airflow.utils.context import OutletEventAccessors  # noqa: PLC0415 - as above
        self.accessors: Any = OutletEventAccessors()

    def extras(self) -> dict[str, dict[str, Any]]:
        """Return the ``extra`` of the events by asset URI."""
        events: dict[Any, Any] = self.accessors._dict  # by asset key, in Airflow 2 by URI
        return {getattr(key, "uri", key): event.extra for key, event in events.items() if event.extra}

    def of_aliases(self) -> dict[str, dict[str, Any]]:
        """Return the same for the assets that were added to aliases."""
        accessors = self.accessors._dict.values()
        if AIRFLOW < (3, 0):
            events = [event for accessor in accessors for event in accessor.dataset_alias_events]
            return {event["dest_dataset_uri"]: event["extra"] for event in events}
        events = [event for accessor in accessors for event in accessor.asset_alias_events]
        return {event.dest_asset_key.uri: event.extra for event in events}
