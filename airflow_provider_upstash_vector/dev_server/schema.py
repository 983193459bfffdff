"""The tables of the store, and the check that a database file is one of this version and index."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from airflow_provider_upstash_vector.dev_server.models import IndexSpec

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spec (json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS namespace (name TEXT PRIMARY KEY, written INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    position INTEGER,
    id TEXT NOT NULL,
    dense BLOB,
    sparse_indices BLOB,
    sparse_values BLOB,
    metadata TEXT,
    data TEXT,
    UNIQUE (namespace, id)
);
CREATE INDEX IF NOT EXISTS in_order ON vector (namespace, position);
CREATE TRIGGER IF NOT EXISTS count_written AFTER INSERT ON vector BEGIN
    UPDATE namespace SET written = written + 1 WHERE name = new.namespace;
    UPDATE vector SET position = (SELECT written FROM namespace WHERE name = new.namespace)
    WHERE number = new.number;
END;
INSERT OR IGNORE INTO namespace (name) VALUES ('');
"""


def prepare(database: sqlite3.Connection, path: str | Path, spec: IndexSpec) -> None:
    """Create the tables, or check existing ones. Raises ``ValueError`` if they are of another version or index."""
    # NORMAL loses nothing if the process is killed; only a power failure can undo the last writes.
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version != _SCHEMA_VERSION and database.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise ValueError(f"{path} was not written by this version of the dev server: use another file")
    database.executescript(f"PRAGMA user_version = {_SCHEMA_VERSION}; {_SCHEMA}")
    row = database.execute("SELECT json FROM spec").fetchone()
    if row is None:
        database.execute("INSERT INTO spec VALUES (?)", (spec.to_json(),))
    elif row[0] != spec.to_json():
        raise ValueError(f"{path} holds another kind of index: {row[0]}, not {spec.to_json()}")
