"""Rows of Python objects: sequences, iterables, async iterables."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

from airflow_provider_upstash_vector.bulk.sources.base import Shard, SizedSource, SourceRow, UnsizedSource


class SequenceRows(SizedSource):
    """A list or another sequence; a shard of it is a contiguous part."""

    def __init__(self, rows: Sequence[object], shard: Shard | None) -> None:
        super().__init__(len(rows), shard)
        self._rows = rows
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

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        number, of = self._shard
        return ((row, None, None) for row in islice(self._rows, number + skip * of, None, of))


class AsyncIterableRows(UnsizedSource):
    """An async iterable, read on the run's event loop; a shard of it is every n-th row."""

    def __init__(self, rows: AsyncIterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"async iterable {self._shard.number}/{self._shard.of}"

    async def rows(self, skip: int) -> AsyncIterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        position = 0
        async for row in self._rows:
            place, other = divmod(position, self._shard.of)
            position += 1
            if other == self._shard.number and place >= skip:
                yield row, None, None
