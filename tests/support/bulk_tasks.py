"""Tasks of the bulk operators, rendered and executed in Airflow without a database."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
)

OPERATORS: tuple[Any, ...] = (BulkUpdateVectorsOperator, BulkUpsertVectorsOperator, BulkDeleteVectorsOperator)


def command_of(operator: Any) -> str:
    """Return the command that an operator sends, ``update`` or ``upsert``."""
    return str(operator.options_type.operation_type.name)


def done_of(operator: Any) -> str:
    """Return what an operator calls a row that was written, ``updated`` or ``upserted``."""
    return str(operator.options_type.operation_type.done)


class State:
    """The task state store of Airflow 3.3: JSON values by key."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value, allow_nan=False)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class Task:
    """An operator in a DAG, rendered and executed as one task instance."""

    def __init__(
        self, operator: Any = BulkUpdateVectorsOperator, *, native: bool = False, **arguments: Any
    ) -> None:
        self.run_id = f"r{uuid4()}"  # names the journal in the machine's temporary folder
        self.xcoms: dict[str, Any] = {}
        self.state = State()
        with DAG("d", schedule=None, render_template_as_native_obj=native):
            self.operator = operator(task_id="t", **arguments)

    def context(self, params: dict[str, Any]) -> Any:
        def push(key: str, value: Any) -> None:
            self.xcoms[key] = value

        names = {"dag_id": "d", "run_id": self.run_id, "task_id": "t", "map_index": -1}
        return {"params": params, "ti": SimpleNamespace(**names, xcom_push=push), "task_state_store": self.state}

    def run(self, **params: Any) -> dict[str, Any]:
        context = self.context(params)
        self.operator.render_template_fields(context)
        manifest: dict[str, Any] = self.operator.execute(context)
        return manifest
