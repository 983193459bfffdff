"""Rows of Python objects: sequences, iterables, async iterables."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence

from airflow_provider_upstash_vector.bulk.sources.base import (
    PENDING,
    Pending,
    Shard,
    SizedSource,
    SourceRow,
    UnsizedSource,
)
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace


class SequenceRows(SizedSource):
    """A list or another sequence; a shard of it is a contiguous part."""

    def __init__(self, rows: Sequence[object], shard: Shard | None) -> None:
        super().__init__(len(rows), shard)
        self._rows = rows
        self.blocking = not isinstance(rows, list | tuple)  # others may read each row from somewhere
        self.fingerprint: str | None = f"{len(rows)} rows {self._first}-{self._end}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        for position in range(self._first + skip, self._end):
            self._next = position + 1
            yield self._rows[position], None, None


class IterableRows(UnsizedSource):
    """Any iterable, read once; a shard of it is every n-th row.

    It may block on a database, so it is read in a thread of its own. What it yields after a restart must be the
    same.
    """

    blocking = True

    def __init__(self, rows: Iterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"iterable {self._shard.number}/{self._shard.of}"

    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""
        pace = Pace()  # the thread ends at ``PENDING`` if the run has ended
        for position, row in enumerate(self._rows):
            if self._shard.has(position, skip):
                yield row, None, None
            elif pace.is_due():
                yield PENDING


class AsyncIterableRows(UnsizedSource):
    """An async iterable, read on the run's event loop; a shard of it is every n-th row."""

    def __init__(self, rows: AsyncIterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"async iterable {self._shard.number}/{self._shard.of}"

    async def rows(self, skip: int) -> AsyncIterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""
        position, pace = 0, Pace()
        async for row in self._rows:
            if self._shard.has(position, skip):
                yield row, None, None
            elif pace.is_due():
                yield PENDING
            position += 1
