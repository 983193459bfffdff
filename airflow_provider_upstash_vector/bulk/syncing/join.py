"""The join of the rows with the scope, in a temporary SQLite file: memory does not grow with either."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_upstash_vector.bulk.syncing.decision import Action, Wanted
from airflow_provider_upstash_vector.client import exact_json

_BUFFERED_ROWS = 1_000
_CACHE_KIB = 8 * 1024
_MAX_VALUES = 250  # in a statement; there is a limit
# `rows` has no index on `id` until all rows are in it: sorting them once is quicker than to keep them sorted
_SCHEMA = f"""
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, id TEXT, fingerprint TEXT, metadata BLOB, has_data INTEGER,
    action INTEGER DEFAULT {Action.ADDED:d}
);
CREATE TABLE spool (number INTEGER PRIMARY KEY, fragment BLOB);
CREATE TABLE stored (number INTEGER PRIMARY KEY, metadata TEXT);
CREATE TABLE missing (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_INSERT = "INSERT INTO rows (id, number, fingerprint, metadata, has_data) VALUES (?, ?, ?, ?, ?)"
_DUPLICATES = "SELECT id, max(number) AS last FROM rows GROUP BY id HAVING count(*) > 1"


class Difference(NamedTuple):
    """A row to write: its action, and the stored metadata of the vector that it replaces or changes.

    ``fragment`` is the row as JSON if rows were spooled.
    """

    number: int
    id: str
    fingerprint: str
    metadata_digest: bytes
    action: Action
    stored: Mapping[str, Any] | None
    fragment: bytes | None


class Join:
    """The rows, the actions for their vectors, and the ids of the scope that are in no row (``missing``).

    Close it. Methods that yield open a connection of their own, so that another thread can use them.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "join.sqlite"
        self._database = self._connect()
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        self._rows: list[tuple[object, ...]] = []
        self._spooled: list[tuple[int, bytes]] = []

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        # a file that nobody reads after a crash
        database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB}"
        )
        return database

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, id: str, row: Wanted, fragment: bytes | None) -> None:
        """Add a row, spooled if ``fragment`` is given."""
        self._rows.append((id, *row))
        if fragment is not None:
            self._spooled.append((row.number, fragment))
        if len(self._rows) >= _BUFFERED_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._database.executemany(_INSERT, self._rows)
        self._database.executemany("INSERT INTO spool VALUES (?, ?)", self._spooled)
        self._rows.clear()
        self._spooled.clear()

    def finish_rows(self) -> tuple[int, list[str]]:
        """Index the rows; return how many ids are in several, and a few of them. The last of each is kept."""
        self._flush()
        run = self._database.execute
        run("CREATE INDEX by_id ON rows (id)")
        run(f"CREATE TEMP TABLE duplicates AS {_DUPLICATES}")
        count = self._number("SELECT count(*) FROM duplicates")
        few = [id for (id,) in run("SELECT id FROM duplicates ORDER BY id LIMIT 5")]
        run(
            "DELETE FROM rows WHERE number IN (SELECT number FROM duplicates CROSS JOIN rows USING (id) "
            "WHERE number < last)"
        )
        run("COMMIT")
        run("BEGIN")
        return count, few

    def added(self, after: int, at_most: int) -> list[tuple[int, str]]:
        """Return numbers and ids of the first rows above the number ``after`` of which no vector was recorded."""
        query = "SELECT number, id FROM rows WHERE action = ? AND number > ? ORDER BY number LIMIT ?"
        return self._database.execute(query, [int(Action.ADDED), after, at_most]).fetchall()

    def finish_scope(self) -> None:
        """Make all that was written visible to other connections."""
        self._database.execute("COMMIT")

    def wanted(self, ids: Sequence[str]) -> dict[str, Wanted]:
        """Return the rows of vectors with these ids."""
        query = "SELECT id, number, fingerprint, metadata, has_data FROM rows WHERE id IN"
        return {
            id: Wanted(number, fingerprint, digest, bool(has_data))
            for found in self._for_all(query, ids)
            for id, number, fingerprint, digest, has_data in found
        }

    def _for_all(self, statement: str, values: Sequence[object], *first: object) -> Iterator[sqlite3.Cursor]:
        """Run a statement that ends with ``IN`` for all values; ``first`` are those before."""
        for start in range(0, len(values), _MAX_VALUES):
            some = values[start : start + _MAX_VALUES]
            yield self._database.execute(f"{statement} ({', '.join('?' * len(some))})", [*first, *some])

    def record(self, actions: Sequence[tuple[int, Action, Mapping[str, Any]]], missing: Iterable[str]) -> None:
        """Record the actions of rows, with the stored metadata, and ids that are in no row."""
        numbers: dict[Action, list[int]] = {}
        for number, action, _ in actions:
            numbers.setdefault(action, []).append(number)
        for action, of_action in numbers.items():
            for _ in self._for_all("UPDATE rows SET action = ? WHERE number IN", sorted(of_action), int(action)):
                pass
        run = self._database.executemany
        different = ((row, exact_json.dumps(dict(stored))) for row, action, stored in actions if action)
        run("INSERT OR REPLACE INTO stored VALUES (?, ?)", different)
        run("INSERT OR IGNORE INTO missing VALUES (?)", ((id,) for id in missing))

    def counts(self) -> dict[Action, int]:
        """Return the number of vectors by action; ``DELETED`` are those that are in no row."""
        found = self._database.execute("SELECT action, count(*) FROM rows GROUP BY action").fetchall()
        counts = dict.fromkeys(Action, 0) | {Action(action): count for action, count in found}
        return counts | {Action.DELETED: self._number("SELECT count(*) FROM missing")}

    def _number(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])

    def ids(self, action: Action) -> Iterator[str]:
        """Yield the ids of an action in their order."""
        query, values = "SELECT id FROM rows WHERE action = ? ORDER BY id", [int(action)]
        if action is Action.DELETED:
            query, values = "SELECT id FROM missing ORDER BY id", []
        with closing(self._connect()) as database:
            for (id,) in database.execute(query, values):
                yield id

    def contents(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield id, fingerprint and digest of the metadata of all rows, in the order of the ids."""
        with closing(self._connect()) as database:
            yield from database.execute("SELECT id, fingerprint, metadata FROM rows ORDER BY id")

    def differences(self) -> Iterator[Difference]:
        """Yield the rows to write in their order."""
        with closing(self._connect()) as database:
            for number, id, mark, digest, action, stored, fragment in database.execute(
                "SELECT number, id, fingerprint, rows.metadata, action, stored.metadata, fragment FROM rows "
                "LEFT JOIN stored USING (number) LEFT JOIN spool USING (number) WHERE action ORDER BY number"
            ):
                metadata = None if stored is None else exact_json.loads(stored)
                yield Difference(number, id, mark, digest, Action(action), metadata, fragment)
