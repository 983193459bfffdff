"""A checkpoint in the task state store of Airflow 3.3 and later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from airflow_provider_upstash_vector.bulk.tracking.checkpoint import temporary_journal

_KEY = "upstash_vector_bulk_{}"


class TaskStateStore(Protocol):
    """The part of ``context["task_state_store"]`` that this module uses."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``."""

    def set(self, key: str, value: Any) -> None:
        """Store a value."""

    def delete(self, key: str) -> None:
        """Delete a value."""


class TaskStateCheckpoint:
    """A checkpoint of an operation, and its rows of the day, that survive retries and the death of the process.

    They do not outlast the DAG run. ``name`` identifies the task instance; its journal is on the worker's disk.
    """

    def __init__(self, state: TaskStateStore, operation: str, name: str) -> None:
        self._state = state
        self._key = _KEY.format(operation)
        self._budget_key = f"{self._key}_budget"
        self.journal_path = temporary_journal(name)

    def __str__(self) -> str:
        return "Clear All in Storage > Task State Store of the task instance"

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, or ``None``."""
        state: Mapping[str, Any] | None = self._state.get(self._key)
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint."""
        self._state.set(self._key, state)

    def clear(self) -> None:
        """Delete the checkpoint, so that a cleared task starts over."""
        self._state.delete(self._key)

    def load_budget(self) -> Mapping[str, Any] | None:
        """Return the rows of the day, or ``None``."""
        record: Mapping[str, Any] | None = self._state.get(self._budget_key)
        return record

    def save_budget(self, record: dict[str, Any]) -> None:
        """Replace the rows of the day."""
        self._state.set(self._budget_key, record)
