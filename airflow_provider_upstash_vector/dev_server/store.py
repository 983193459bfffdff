"""The vectors in SQLite: in memory, or in a file whose acknowledged writes outlive the process."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.dev_server.index import IndexSpec
from airflow_provider_upstash_vector.dev_server.payloads import MetadataMode, Record, check_metadata_size
from airflow_provider_upstash_vector.dev_server.refusal import bad_request

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spec (json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS namespace (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (
    number INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    dense BLOB,
    sparse_indices BLOB,
    sparse_values BLOB,
    metadata TEXT,
    data TEXT,
    UNIQUE (namespace, id)
);
INSERT OR IGNORE INTO namespace VALUES ('');
"""
_COLUMNS = "id, dense, sparse_indices, sparse_values, metadata, data"


class Store:
    """Namespaces and vectors. Not safe for use by several threads at a time."""

    def __init__(self, database: str | Path, spec: IndexSpec) -> None:
        self._database = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        # NORMAL loses nothing when the process dies; only a power failure could undo the last writes.
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        self._database.executescript(_SCHEMA)
        self._check_spec(database, spec)

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

    def upsert(self, namespace: str, records: Sequence[Record]) -> None:
        """Write whole vectors, all or none, and the namespace if it is new."""
        with self._transaction():
            self._database.execute("INSERT OR IGNORE INTO namespace VALUES (?)", (namespace,))
            self._database.executemany(
                f"INSERT INTO vector (namespace, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant
                " ON CONFLICT (namespace, id) DO UPDATE SET dense = excluded.dense,"
                " sparse_indices = excluded.sparse_indices, sparse_values = excluded.sparse_values,"
                " metadata = excluded.metadata, data = excluded.data",
                [(namespace, *_row(record)) for record in records],
            )

    def update(self, namespace: str, change: Record, mode: MetadataMode) -> int:
        """Change the parts that are given of one vector; return how many were found."""
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

    def _update(self, namespace: str, id: str, assignments: dict[str, Any]) -> int:
        statement = f"UPDATE vector SET {', '.join(assignments)} WHERE namespace = ? AND id = ? RETURNING metadata"  # noqa: S608 - from the constants above
        try:
            found = self._database.execute(statement, (*assignments.values(), namespace, id)).fetchall()
        except sqlite3.OperationalError as error:  # JSON nested deeper than SQLite reads
            raise bad_request(f"Missing or wrong input: metadata: {error}") from None
        for (metadata,) in found:
            check_metadata_size(metadata or "")
        return len(found)

    def fetch(self, namespace: str, ids: Sequence[str]) -> list[Record | None]:
        """Return vectors in the order asked for, ``None`` for an unknown id."""
        marks = ", ".join("?" * len(ids))
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM vector WHERE namespace = ? AND id IN ({marks})",  # noqa: S608 - only marks
            (namespace, *ids),
        )
        found = {row[0]: _record(row) for row in rows}
        return [found.get(id) for id in ids]

    def fetch_prefix(self, namespace: str, prefix: str, limit: int) -> list[Record]:
        """Return the first vectors whose id starts with ``prefix``."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM vector WHERE namespace = ? AND substr(id, 1, ?) = ? ORDER BY number LIMIT ?",  # noqa: S608 - constant
            (namespace, len(prefix), prefix, limit),
        )
        return [_record(row) for row in rows]

    def delete(self, namespace: str, ids: Sequence[str]) -> int:
        """Delete by id; return how many there were."""
        marks = ", ".join("?" * len(ids))
        return self._database.execute(
            f"DELETE FROM vector WHERE namespace = ? AND id IN ({marks})",  # noqa: S608 - only marks
            (namespace, *ids),
        ).rowcount

    def reset(self, namespace: str) -> None:
        """Delete the vectors of one namespace, which stays."""
        self._database.execute("DELETE FROM vector WHERE namespace = ?", (namespace,))

    def reset_all(self) -> None:
        """Delete all vectors; the namespaces stay."""
        self._database.execute("DELETE FROM vector")

    def clear(self) -> None:
        """Delete all vectors and all namespaces but the default one."""
        with self._transaction():
            self._database.execute("DELETE FROM vector")
            self._database.execute("DELETE FROM namespace WHERE name != ''")

    def counts(self) -> dict[str, int]:
        """Return the number of vectors of every namespace."""
        counts = dict.fromkeys((name for (name,) in self._database.execute("SELECT name FROM namespace")), 0)
        counts.update(self._database.execute("SELECT namespace, count(*) FROM vector GROUP BY namespace"))
        return counts

    def size_bytes(self) -> int:
        """Return the size of the database."""
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = self._database.execute("PRAGMA page_size").fetchone()
        return int(pages * page_bytes)


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.id,
        record.dense,
        record.sparse_indices,
        record.sparse_values,
        record.metadata,
        record.data,
    )


def _record(row: tuple[Any, ...]) -> Record:
    id, dense, sparse_indices, sparse_values, metadata, data = row
    return Record(
        id=id,
        dense=dense,
        sparse_indices=sparse_indices,
        sparse_values=sparse_values,
        metadata=metadata,
        data=data,
    )
