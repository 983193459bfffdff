"""Storage of vectors in SQLite, in memory or in a file; in a file, acknowledged writes survive a crash."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.dev_server.filter_sql import Where
from airflow_provider_upstash_vector.dev_server.models import IndexSpec, Record
from airflow_provider_upstash_vector.dev_server.payloads import MetadataMode, check_metadata_size
from airflow_provider_upstash_vector.dev_server.responses import bad_request
from airflow_provider_upstash_vector.dev_server.schema import prepare

_SQLITE_ERROR = 1  # the generic code: a statement that SQLite cannot execute
_HAS_PREFIX = "substr(CAST(id AS BLOB), 1, ?) = ?"  # text would end at a NUL
_COLUMNS = "id, dense, sparse_indices, sparse_values, metadata, data"
_UPSERT = f"""
INSERT INTO vector (namespace, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, id) DO UPDATE SET
    dense = excluded.dense, sparse_indices = excluded.sparse_indices, sparse_values = excluded.sparse_values,
    metadata = excluded.metadata, data = excluded.data
RETURNING number
"""  # noqa: S608 - constants


class Store:
    """Namespaces and vectors. Not thread-safe.

    A vector has a row number, unique in the file, and a position in its namespace, counted from its last reset.
    """

    def __init__(self, database: str | Path, spec: IndexSpec) -> None:
        self._database = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        try:
            prepare(self._database, database, spec)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def upsert(self, namespace: str, records: Sequence[Record]) -> list[int]:
        """Write whole vectors, all or none, and create the namespace if it is new; return their row numbers."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO namespace (name) VALUES (?)", (namespace,))
            return [
                number
                for record in records
                for (number,) in self._database.execute(_UPSERT, (namespace, *_row(record)))
            ]

    def update(self, namespace: str, change: Record, mode: MetadataMode) -> int | None:
        """Set the parts of ``change`` that are not ``None``; return the row number, ``None`` for an unknown id."""
        assignments: dict[str, Any] = {}
        if change.dense is not None:
            assignments["dense = ?"] = change.dense
        if change.sparse_indices is not None:
            assignments["sparse_indices = ?"] = change.sparse_indices
            assignments["sparse_values = ?"] = change.sparse_values
        if change.data is not None:
            assignments["data = ?"] = change.data
        if change.metadata is not None:
            patch = mode == "PATCH"  # json_patch() is RFC 7396
            expression = "json_patch(coalesce(metadata, '{}'), ?)" if patch else "?"
            assignments[f"metadata = {expression}"] = change.metadata
        with self._transaction():
            return self._update(namespace, change.id, assignments)

    def _update(self, namespace: str, id: str, assignments: dict[str, Any]) -> int | None:
        statement = (
            f"UPDATE vector SET {', '.join(assignments)} WHERE namespace = ? AND id = ?"  # noqa: S608 - constants above
            " RETURNING number, metadata"
        )
        try:
            rows = self._database.execute(statement, (*assignments.values(), namespace, id)).fetchall()
        except sqlite3.OperationalError as error:
            _raise_unless_input(error)  # JSON nested deeper than SQLite supports
            raise bad_request(f"Missing or wrong input: metadata: {error}") from None
        for number, metadata in rows:
            check_metadata_size(metadata or "")
            return int(number)
        return None

    def fetch(self, namespace: str, ids: Sequence[str]) -> list[Record | None]:
        """Return vectors in the order of ``ids``, ``None`` for an unknown id."""
        rows = self._select(f"id IN ({_marks(ids)})", namespace, ids)
        records = {record.id: record for _, record in rows}
        return [records.get(id) for id in ids]

    def fetch_prefix(self, namespace: str, prefix: str, limit: int) -> list[Record]:
        """Return the first vectors whose id starts with ``prefix``."""
        return [record for _, record in self.range(namespace, 0, limit, prefix)]

    def range(self, namespace: str, after: int, limit: int, prefix: str) -> list[tuple[int, Record]]:
        """Return the first vectors with a position above ``after``, with their positions, in that order."""
        start = prefix.encode()
        condition = f"position > ? AND {_HAS_PREFIX} ORDER BY position LIMIT ?"
        return [*self._select(condition, namespace, (after, len(start), start, limit), key="position")]

    def all(self, namespace: str) -> Iterator[tuple[int, Record]]:
        """Yield every vector of a namespace with its row number."""
        return self._select("true", namespace, ())

    def numbered(self, namespace: str, numbers: Sequence[int]) -> list[tuple[int, Record]]:
        """Return the vectors with these row numbers that still exist, in the order of ``numbers``."""
        records = dict(self._select(f"number IN ({_marks(numbers)})", namespace, numbers))
        return [(number, records[number]) for number in numbers if number in records]

    def random(self, namespace: str) -> Record | None:
        """Return a random vector, ``None`` if the namespace is empty."""
        return next((record for _, record in self._select("true ORDER BY random() LIMIT 1", namespace, ())), None)

    def _select(
        self, condition: str, namespace: str, parameters: Iterable[Any], *, key: str = "number"
    ) -> Iterator[tuple[int, Record]]:
        rows = self._database.execute(
            f"SELECT {key}, {_COLUMNS} FROM vector WHERE namespace = ? AND {condition}",  # noqa: S608 - constants of the callers
            (namespace, *parameters),
        )
        for number, id, dense, sparse_indices, sparse_values, metadata, data in rows:
            yield (
                number,
                Record(
                    id=id,
                    dense=dense,
                    sparse_indices=sparse_indices,
                    sparse_values=sparse_values,
                    metadata=metadata,
                    data=data,
                ),
            )

    def selected(self, namespace: str, condition: Where) -> list[int]:
        """Return the row numbers of the vectors that a filter selects."""
        return self._filtered("SELECT number FROM vector WHERE namespace = ? AND {}", namespace, condition)

    def delete(self, namespace: str, ids: Sequence[str]) -> list[int]:
        """Delete vectors by id; return the row numbers of those that existed."""
        return self._delete(Where(f"id IN ({_marks(ids)})", tuple(ids)), namespace)

    def delete_prefix(self, namespace: str, prefix: str) -> list[int]:
        """Delete the vectors whose id starts with ``prefix``; return their row numbers."""
        return self._delete(Where(_HAS_PREFIX, (len(prefix.encode()), prefix.encode())), namespace)

    def delete_selected(self, namespace: str, condition: Where) -> list[int]:
        """Delete the vectors that a filter selects; return their row numbers."""
        return self._delete(condition, namespace)

    def _delete(self, condition: Where, namespace: str) -> list[int]:
        return self._filtered(
            "DELETE FROM vector WHERE namespace = ? AND {} RETURNING number", namespace, condition
        )

    def _filtered(self, statement: str, namespace: str, condition: Where) -> list[int]:
        try:
            rows = self._database.execute(
                statement.format(condition.sql), (namespace, *condition.parameters)
            ).fetchall()
        except sqlite3.OperationalError as error:
            _raise_unless_input(error)  # more conditions than SQLite can nest
            raise bad_request("Invalid filter: too many conditions") from None
        return [number for (number,) in rows]

    def reset(self, namespace: str) -> None:
        """Delete the vectors of a namespace but not the namespace."""
        self._database.execute("DELETE FROM vector WHERE namespace = ?", (namespace,))
        self._database.execute("UPDATE namespace SET written = 0 WHERE name = ?", (namespace,))

    def delete_namespace(self, namespace: str) -> None:
        """Delete a namespace and its vectors."""
        with self._transaction():
            self.reset(namespace)
            self._database.execute("DELETE FROM namespace WHERE name = ?", (namespace,))

    def rename_namespace(self, namespace: str, new_name: str) -> None:
        """Rename a namespace; an existing one of the new name is deleted."""
        with self._transaction():
            self.reset(new_name)
            self._database.execute("DELETE FROM namespace WHERE name = ?", (new_name,))
            self._database.execute("UPDATE namespace SET name = ? WHERE name = ?", (new_name, namespace))
            self._database.execute("UPDATE vector SET namespace = ? WHERE namespace = ?", (new_name, namespace))

    def namespaces(self) -> list[str]:
        """Return the names of all namespaces, the default one, ``""``, first."""
        return [name for (name,) in self._database.execute("SELECT name FROM namespace ORDER BY name")]

    def counts(self) -> dict[str, int]:
        """Return the number of vectors of every namespace."""
        counts = dict.fromkeys(self.namespaces(), 0)
        counts.update(self._database.execute("SELECT namespace, count(*) FROM vector GROUP BY namespace"))
        return counts

    def size_bytes(self) -> int:
        """Return the size of the database."""
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = self._database.execute("PRAGMA page_size").fetchone()
        return int(pages * page_bytes)


def _raise_unless_input(error: sqlite3.OperationalError) -> None:
    # Other codes are errors of the disk. Python 3.10 has no codes.
    if getattr(error, "sqlite_errorcode", _SQLITE_ERROR) != _SQLITE_ERROR:
        raise error


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.id,
        record.dense,
        record.sparse_indices,
        record.sparse_values,
        record.metadata,
        record.data,
    )
