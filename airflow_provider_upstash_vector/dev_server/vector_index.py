"""The index that the commands act on: the store, a copy in memory for queries, and which vectors are pending."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from airflow_provider_upstash_vector.dev_server.filter_language import parse
from airflow_provider_upstash_vector.dev_server.filter_sql import Where, where
from airflow_provider_upstash_vector.dev_server.models import IndexSpec, Record
from airflow_provider_upstash_vector.dev_server.payloads import MetadataMode
from airflow_provider_upstash_vector.dev_server.ranking import Numbers
from airflow_provider_upstash_vector.dev_server.responses import HttpError
from airflow_provider_upstash_vector.dev_server.store import Store
from airflow_provider_upstash_vector.dev_server.vector_columns import Columns, Rows


class Pending:
    """Row numbers by namespace, each for ``delay_seconds`` after its last write.

    The service finds a pending vector by id, but not yet by query.
    """

    def __init__(self, delay_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._due: dict[str, dict[int, float]] = {}

    def add(self, namespace: str, number: int) -> None:
        """Record a write of a row."""
        if self._delay_seconds > 0:
            due = self._due.setdefault(namespace, {})
            due.pop(number, None)  # keeps the dict in the order of time
            due[number] = self._clock() + self._delay_seconds

    def numbers(self, namespace: str) -> Numbers:
        """Return the rows that are pending."""
        due = self._due.get(namespace, {})
        now = self._clock()
        while due and (oldest := next(iter(due))) is not None and due[oldest] <= now:
            del due[oldest]
        return np.fromiter(due, dtype=np.int64, count=len(due))

    def remove(self, namespace: str, number: int) -> None:
        """Remove a deleted row."""
        self._due.get(namespace, {}).pop(number, None)

    def rename(self, namespace: str, new_name: str) -> None:
        """Move the rows of a renamed namespace."""
        self._due[new_name] = self._due.pop(namespace, {})

    def clear(self, namespace: str) -> None:
        """Remove the rows of a namespace."""
        self._due.pop(namespace, None)


class VectorIndex:
    """Writes go to the store first, then to the columns of namespaces that have been queried."""

    def __init__(
        self, spec: IndexSpec, database: str | Path, indexing_delay: float, clock: Callable[[], float]
    ) -> None:
        self.spec = spec
        self.store = Store(database, spec)
        self._columns: dict[str, Columns] = {}
        self._pending = Pending(indexing_delay, clock)

    def upsert(self, namespace: str, records: Sequence[Record]) -> None:
        """Write whole vectors, all or none."""
        numbers = self.store.upsert(namespace, records)
        for number, record in zip(numbers, records, strict=True):
            self._on_written(namespace, number, record)

    def update(self, namespace: str, change: Record, mode: MetadataMode) -> int:
        """Set the parts of ``change`` that are not ``None``; return 1, or 0 for an unknown id."""
        number = self.store.update(namespace, change, mode)
        if number is None:
            return 0
        self._on_written(namespace, number, change)
        return 1

    def _on_written(self, namespace: str, number: int, record: Record) -> None:
        self._pending.add(namespace, number)
        if columns := self._columns.get(namespace):
            columns.put(number, record)

    def delete(
        self,
        namespace: str,
        *,
        ids: Sequence[str] | None = None,
        prefix: str | None = None,
        filter: str | None = None,
    ) -> int:
        """Delete vectors by exactly one of ids, prefix and filter; return how many existed."""
        if ids is not None:
            return self._on_deleted(namespace, self.store.delete(namespace, ids))
        if prefix is not None:
            return self._on_deleted(namespace, self.store.delete_prefix(namespace, prefix))
        return self._on_deleted(namespace, self.store.delete_selected(namespace, _where(filter or "")))

    def _on_deleted(self, namespace: str, numbers: Iterable[int]) -> int:
        count = 0
        columns = self._columns.get(namespace)
        for count, number in enumerate(numbers, start=1):  # noqa: B007 - the count is returned
            self._pending.remove(namespace, number)
            if columns:
                columns.remove(number)
        return count

    def reset(self, namespace: str) -> None:
        """Delete the vectors of one namespace."""
        self.store.reset(namespace)
        self._on_emptied(namespace)

    def reset_all(self) -> None:
        """Delete the vectors of every namespace."""
        for namespace in self.store.namespaces():
            self.reset(namespace)

    def clear(self) -> None:
        """Delete all vectors and namespaces."""
        self.reset("")
        for namespace in self.store.namespaces():
            if namespace:
                self.delete_namespace(namespace)

    def delete_namespace(self, namespace: str) -> None:
        """Delete a namespace and its vectors. Raises ``HttpError`` 404 if there is none."""
        if namespace not in self.store.namespaces():
            raise HttpError(404, f"Namespace {namespace} for the index dev-server does not exist")
        self.store.delete_namespace(namespace)
        self._on_emptied(namespace)

    def rename_namespace(self, namespace: str, new_name: str, *, delete_existing: bool) -> bool:
        """Rename a namespace; return ``False`` if it does not exist or the new name is taken."""
        names = self.store.namespaces()
        if namespace not in names or namespace == new_name or (new_name in names and not delete_existing):
            return False
        self.store.rename_namespace(namespace, new_name)
        self._on_emptied(new_name)
        if columns := self._columns.pop(namespace, None):
            self._columns[new_name] = columns
        self._pending.rename(namespace, new_name)
        return True

    def _on_emptied(self, namespace: str) -> None:
        self._columns.pop(namespace, None)
        self._pending.clear(namespace)

    def pending_count(self, namespace: str) -> int:
        """Return the number of pending vectors of a namespace."""
        return len(self._pending.numbers(namespace))

    def columns(self, namespace: str) -> Columns:
        """Return the vectors of a namespace in memory; the first call loads them from the store."""
        if namespace not in self._columns:
            columns = Columns(self.spec)
            for number, record in self.store.all(namespace):
                columns.put(number, record)
            if namespace not in self.store.namespaces():
                return columns
            self._columns[namespace] = columns
        return self._columns[namespace]

    def rows(self, namespace: str, filter: str) -> Rows:
        """Return which rows a query with this filter may return."""
        pending = self._pending.numbers(namespace)
        if not filter:
            return Rows(None, pending)
        numbers = self.store.selected(namespace, _where(filter))
        return Rows(np.array(numbers, dtype=np.int64), pending)


def _where(filter: str) -> Where:
    return where(parse(filter))
