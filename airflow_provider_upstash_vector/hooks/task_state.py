"""A checkpoint in the task's own state, which Airflow keeps from 3.3 on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from airflow_provider_upstash_vector.bulk.tracking.checkpoint import temporary_journal

_KEY = "upstash_vector_bulk_update"


class TaskStateStore(Protocol):
    """The part of ``context["task_state_store"]`` that is used."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""

    def delete(self, key: str) -> None:
        """Forget a value."""


class TaskStateCheckpoint:
    """A checkpoint that outlives retries and the death of the task's process, but not the DAG run.

    ``name`` is that of the task instance; the journal beside the state is on the worker's disk.
    """

    def __init__(self, state: TaskStateStore, name: str) -> None:
        self._state = state
        self.journal_path = temporary_journal(name)

    def load(self) -> Mapping[str, Any] | None:
        """Return the checkpoint, or ``None``."""
        found: Mapping[str, Any] | None = self._state.get(_KEY)
        return found

    def save(self, state: dict[str, Any]) -> None:
        """Keep the checkpoint in place of the one before."""
        self._state.set(_KEY, state)

    def clear(self) -> None:
        """Forget it, so that a task that is cleared starts over."""
        self._state.delete(_KEY)
