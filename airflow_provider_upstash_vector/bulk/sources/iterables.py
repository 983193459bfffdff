"""Rows that are there already, or come from a Python program: lists, iterables, async iterables."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import Shard, SourceRow

_SAMPLE_ROWS = 100
_SAMPLE_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


class SequenceRows:
    """A list or another sequence; a shard of it is a contiguous part."""

    blocking = False

    def __init__(self, rows: Sequence[object], shard: Shard | None) -> None:
        index, count = shard or (0, 1)
        self._rows = rows
        self._first, self._end = len(rows) * index // count, len(rows) * (index + 1) // count
        self._next = self._first
        self.total: int | None = self._end - self._first
        self.fingerprint: str | None = self._fingerprint()

    def _fingerprint(self) -> str:
        """Return a digest of the length and of the first and last 100 rows."""
        ends = [*self._rows[:_SAMPLE_ROWS], *self._rows[-_SAMPLE_ROWS:]]
        sample = b"".join(orjson.dumps(row, default=repr, option=_SAMPLE_OPTIONS) for row in ends)
        return f"{len(self._rows)} rows {hashlib.sha256(sample).hexdigest()[:16]} {self._first}-{self._end}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        for position in range(self._first + skip, self._end):
            self._next = position + 1
            yield self._rows[position], None, None

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return (self._next - self._first) / self.total if self.total else None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - takes none
        """Return the number of rows after the first ``skip``."""
        return (self.total or 0) - skip


class _Uncounted:
    total: int | None = None

    def fraction(self) -> float | None:
        """Return ``None``: nobody knows how many will come."""
        return None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - the protocol's arguments
        """Return ``None``: counting would use the rows up."""
        return None


class IterableRows(_Uncounted):
    """Any iterable, read once; a shard of it is every n-th row.

    It may wait for a database, so it is read in a thread of its own. What it yields after a restart must be the
    same.
    """

    blocking = True

    def __init__(self, rows: Iterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"iterable {self._shard.number}/{self._shard.of}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        mine = islice(self._rows, self._shard.number, None, self._shard.of)
        return ((row, None, None) for row in islice(mine, skip, None))


class AsyncIterableRows(_Uncounted):
    """An async iterable, read on the run's event loop."""

    def __init__(self, rows: AsyncIterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"async iterable {self._shard.number}/{self._shard.of}"

    async def rows(self, skip: int) -> AsyncIterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        position = 0
        async for row in self._rows:
            mine, place = position % self._shard.of == self._shard.number, position // self._shard.of
            position += 1
            if mine and place >= skip:
                yield row, None, None
