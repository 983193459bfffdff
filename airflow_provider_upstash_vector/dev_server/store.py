"""The vectors in SQLite: in memory, or in a file whose acknowledged writes outlive the process."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.dev_server.errors import bad_request
from airflow_provider_upstash_vector.dev_server.filter_sql import Where
from airflow_provider_upstash_vector.dev_server.index import IndexSpec
from airflow_provider_upstash_vector.dev_server.payloads import MetadataMode, check_metadata_size
from airflow_provider_upstash_vector.dev_server.records import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spec (json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS namespace (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    dense BLOB,
    sparse_indices BLOB,
    sparse_values BLOB,
    metadata TEXT,
    data TEXT,
    UNIQUE (namespace, id)
);
CREATE INDEX IF NOT EXISTS in_order ON vector (namespace, number);
INSERT OR IGNORE INTO namespace VALUES ('');
"""
_SQLITE_ERROR = 1  # the generic code: a statement that SQLite cannot carry out
_HAS_PREFIX = "substr(CAST(id AS BLOB), 1, ?) = ?"  # as text it would end at a NUL
_COLUMNS = "id, dense, sparse_indices, sparse_values, metadata, data"
_UPSERT = f"""
INSERT INTO vector (namespace, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (namespace, id) DO UPDATE SET
    dense = excluded.dense, sparse_indices = excluded.sparse_indices, sparse_values = excluded.sparse_values,
    metadata = excluded.metadata, data = excluded.data
RETURNING number
"""  # noqa: S608 - constants


class Store:
    """Namespaces and vectors, whose rows have numbers. Not safe for use by several threads at a time."""

    def __init__(self, database: str | Path, spec: IndexSpec) -> None:
        self._database = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        try:
            # NORMAL loses nothing when the process dies; only a power failure could undo the last writes.
            self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
            self._database.executescript(_SCHEMA)
            self._check_spec(database, spec)
        except BaseException:
            self._database.close()
            raise

    def _check_spec(self, database: str | Path, spec: IndexSpec) -> None:
        found = self._database.execute("SELECT json FROM spec").fetchone()
        if found is None:
            self._database.execute("INSERT INTO spec VALUES (?)", (spec.to_json(),))
        elif found[0] != spec.to_json():
            raise ValueError(f"{database} holds another kind of index: {found[0]}, not {spec.to_json()}")

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
        """Write whole vectors, all or none, and the namespace if it is new; return their numbers."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO namespace VALUES (?)", (namespace,))
            return [
                number
                for record in records
                for (number,) in self._database.execute(_UPSERT, (namespace, *_row(record)))
            ]

    def update(self, namespace: str, change: Record, mode: MetadataMode) -> int | None:
        """Change the parts that are given of one vector; return its number, ``None`` for an unknown id."""
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
            found = self._database.execute(statement, (*assignments.values(), namespace, id)).fetchall()
        except sqlite3.OperationalError as error:
            _raise_unless_input(error)  # JSON nested deeper than SQLite reads
            raise bad_request(f"Missing or wrong input: metadata: {error}") from None
        for number, metadata in found:
            check_metadata_size(metadata or "")
            return int(number)
        return None

    def fetch(self, namespace: str, ids: Sequence[str]) -> list[Record | None]:
        """Return vectors in the order asked for, ``None`` for an unknown id."""
        rows = self._select(f"id IN ({_marks(ids)})", namespace, ids)
        found = {record.id: record for _, record in rows}
        return [found.get(id) for id in ids]

    def fetch_prefix(self, namespace: str, prefix: str, limit: int) -> list[Record]:
        """Return the first vectors whose id starts with ``prefix``."""
        return [record for _, record in self.range(namespace, 0, limit, prefix)]

    def range(self, namespace: str, after: int, limit: int, prefix: str) -> list[tuple[int, Record]]:
        """Return the first vectors with a number above ``after`` and their numbers, in the order of numbers."""
        start = prefix.encode()
        condition = f"number > ? AND {_HAS_PREFIX} ORDER BY number LIMIT ?"
        return [*self._select(condition, namespace, (after, len(start), start, limit))]

    def all(self, namespace: str) -> Iterator[tuple[int, Record]]:
        """Yield every vector of a namespace with its number."""
        return self._select("true", namespace, ())

    def numbered(self, namespace: str, numbers: Sequence[int]) -> list[tuple[int, Record]]:
        """Return the vectors with these numbers that are still there, in the order asked for."""
        found = dict(self._select(f"number IN ({_marks(numbers)})", namespace, numbers))
        return [(number, found[number]) for number in numbers if number in found]

    def random(self, namespace: str) -> Record | None:
        """Return any vector, ``None`` from an empty namespace."""
        return next((record for _, record in self._select("true ORDER BY random() LIMIT 1", namespace, ())), None)

    def _select(self, condition: str, namespace: str, parameters: Iterable[Any]) -> Iterator[tuple[int, Record]]:
        rows = self._database.execute(
            f"SELECT number, {_COLUMNS} FROM vector WHERE namespace = ? AND {condition}",  # noqa: S608 - our callers' constants
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
        """Return the numbers of the vectors that a filter selects."""
        return self._filtered("SELECT number FROM vector WHERE namespace = ? AND {}", namespace, condition)

    def delete(self, namespace: str, ids: Sequence[str]) -> list[int]:
        """Delete by id; return the numbers of those that there were."""
        return self._delete(Where(f"id IN ({_marks(ids)})", tuple(ids)), namespace)

    def delete_prefix(self, namespace: str, prefix: str) -> list[int]:
        """Delete the vectors whose id starts with ``prefix``; return their numbers."""
        return self._delete(Where(_HAS_PREFIX, (len(prefix.encode()), prefix.encode())), namespace)

    def delete_selected(self, namespace: str, condition: Where) -> list[int]:
        """Delete the vectors that a filter selects; return their numbers."""
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
            _raise_unless_input(error)  # more conditions than SQLite nests
            raise bad_request("Invalid filter: too many conditions") from None
        return [number for (number,) in rows]

    def reset(self, namespace: str) -> None:
        """Delete the vectors of one namespace, which stays."""
        self._database.execute("DELETE FROM vector WHERE namespace = ?", (namespace,))

    def delete_namespace(self, namespace: str) -> None:
        """Delete a namespace with its vectors."""
        with self._transaction():
            self.reset(namespace)
            self._database.execute("DELETE FROM namespace WHERE name = ?", (namespace,))

    def rename_namespace(self, namespace: str, new_name: str) -> None:
        """Give a namespace another name; what had that name before is deleted."""
        with self._transaction():
            self.reset(new_name)
            self._database.execute("DELETE FROM namespace WHERE name = ?", (new_name,))
            self._database.execute("UPDATE namespace SET name = ? WHERE name = ?", (new_name, namespace))
            self._database.execute("UPDATE vector SET namespace = ? WHERE namespace = ?", (new_name, namespace))

    def namespaces(self) -> list[str]:
        """Return the names of all namespaces, that of the default one, ``""``, first."""
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
    # Anything else is the disk's fault. Python 3.10 does not tell.
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
