"""The index that the commands act on: the store, what of it is held in memory for queries, what is pending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from airflow_provider_upstash_vector.dev_server.errors import HttpError
from airflow_provider_upstash_vector.dev_server.filter_language import parse
from airflow_provider_upstash_vector.dev_server.filter_sql import Where, where
from airflow_provider_upstash_vector.dev_server.index import IndexSpec
from airflow_provider_upstash_vector.dev_server.payloads import MetadataMode
from airflow_provider_upstash_vector.dev_server.pending import Pending
from airflow_provider_upstash_vector.dev_server.records import Record
from airflow_provider_upstash_vector.dev_server.store import Store
from airflow_provider_upstash_vector.dev_server.vector_columns import Columns, Rows


class VectorIndex:
    """Writes go to the store first, then to the columns of namespaces that have been queried."""

    def __init__(self, spec: IndexSpec, database: str | Path = ":memory:", indexing_delay: float = 0.0) -> None:
        self.spec = spec
        self.store = Store(database, spec)
        self._columns: dict[str, Columns] = {}
        self._pending = Pending(indexing_delay)

    def upsert(self, namespace: str, records: Sequence[Record]) -> None:
        """Write whole vectors, all or none."""
        numbers = self.store.upsert(namespace, records)
        for number, record in zip(numbers, records, strict=True):
            self._written(namespace, number, record)

    def update(self, namespace: str, change: Record, mode: MetadataMode) -> int:
        """Change what is given of one vector; return how many were found."""
        number = self.store.update(namespace, change, mode)
        if number is None:
            return 0
        self._written(namespace, number, change)
        return 1

    def _written(self, namespace: str, number: int, record: Record) -> None:
        self._pending.note(namespace, number)
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
        """Delete by exactly one of ids, prefix and filter; return how many there were."""
        if ids is not None:
            return self._deleted(namespace, self.store.delete(namespace, ids))
        if prefix is not None:
            return self._deleted(namespace, self.store.delete_prefix(namespace, prefix))
        return self._deleted(namespace, self.store.delete_selected(namespace, _where(filter or "")))

    def _deleted(self, namespace: str, numbers: Iterable[int]) -> int:
        count = 0
        columns = self._columns.get(namespace)
        for count, number in enumerate(numbers, start=1):  # noqa: B007 - the count is returned
            self._pending.forget(namespace, number)
            if columns:
                columns.remove(number)
        return count

    def reset(self, namespace: str) -> None:
        """Empty one namespace."""
        self.store.reset(namespace)
        self._emptied(namespace)

    def reset_all(self) -> None:
        """Empty every namespace."""
        for namespace in self.store.namespaces():
            self.reset(namespace)

    def clear(self) -> None:
        """Make the index as new."""
        self.reset("")
        for namespace in self.store.namespaces():
            if namespace:
                self.delete_namespace(namespace)

    def delete_namespace(self, namespace: str) -> None:
        """Delete a namespace with its vectors; 404 where there is none."""
        if namespace not in self.store.namespaces():
            raise HttpError(404, f"Namespace {namespace} for the index dev-server does not exist")
        self.store.delete_namespace(namespace)
        self._emptied(namespace)

    def rename_namespace(self, namespace: str, new_name: str, *, delete_existing: bool) -> bool:
        """Give a namespace another name; return whether that was possible."""
        names = self.store.namespaces()
        if namespace not in names or namespace == new_name or (new_name in names and not delete_existing):
            return False
        self.store.rename_namespace(namespace, new_name)
        self._emptied(new_name)
        if columns := self._columns.pop(namespace, None):
            self._columns[new_name] = columns
        self._pending.rename(namespace, new_name)
        return True

    def _emptied(self, namespace: str) -> None:
        self._columns.pop(namespace, None)
        self._pending.clear(namespace)

    def pending_count(self, namespace: str) -> int:
        """Return how many vectors of a namespace queries do not find yet."""
        return len(self._pending.numbers(namespace))

    def columns(self, namespace: str) -> Columns:
        """Return a namespace's vectors in memory, read from the store at the first query."""
        if namespace not in self._columns:
            columns = Columns(self.spec)
            for number, record in self.store.all(namespace):
                columns.put(number, record)
            if namespace not in self.store.namespaces():
                return columns
            self._columns[namespace] = columns
        return self._columns[namespace]

    def rows(self, namespace: str, filter: str) -> Rows:
        """Return which vectors a query with this filter may find."""
        pending = self._pending.numbers(namespace)
        if not filter:
            return Rows(None, pending)
        numbers = self.store.selected(namespace, _where(filter))
        return Rows(np.array(numbers, dtype=np.int64), pending)


def _where(filter: str) -> Where:
    return where(parse(filter))
