"""Rows that are there already, or come from a Python program: lists, iterables, async iterables."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice

from airflow_provider_upstash_vector.bulk.sources.base import Shard, SourceRow
from airflow_provider_upstash_vector.bulk.sources.samples import digest, sample_ranges


class SequenceRows:
    """A list or another sequence; a shard of it is a contiguous part."""

    blocking = False

    def __init__(self, rows: Sequence[object], shard: Shard | None) -> None:
        self._rows = rows
        self._first, self._end = part_of(len(rows), shard)
        self._next = self._first
        self.total: int | None = self._end - self._first
        sample = digest(rows[position] for ends in sample_ranges(len(rows)) for position in range(*ends))
        self.fingerprint: str | None = f"{len(rows)} rows {sample} {self._first}-{self._end}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        for position in range(self._first + skip, self._end):
            self._next = position + 1
            yield self._rows[position], None, None

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return (self._next - self._first) / self.total if self.total else None

    def count_from(self, skip: int) -> int | None:
        """Return the number of rows after the first ``skip``."""
        return (self.total or 0) - skip


def part_of(length: int, shard: Shard | None) -> tuple[int, int]:
    """Return where the contiguous part of ``length`` begins and ends that a shard is."""
    number, of = shard or (0, 1)
    return length * number // of, length * (number + 1) // of


class IterableRows:
    """Any iterable, read once; a shard of it is every n-th row.

    It may wait for a database, so it is read in a thread of its own. What it yields after a restart must be the
    same.
    """

    total: int | None = None
    blocking = True

    def __init__(self, rows: Iterable[object], shard: Shard | None) -> None:
        self._rows = rows
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"iterable {self._shard.number}/{self._shard.of}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        number, of = self._shard
        return ((row, None, None) for row in islice(self._rows, number + skip * of, None, of))

    def fraction(self) -> float | None:
        """Return ``None``: nobody knows how many will come."""
        return None

    def count_from(self, skip: int) -> int | None:  # noqa: ARG002 - the protocol's argument
        """Return ``None``: counting would use the rows up."""
        return None


class AsyncIterableRows:
    """An async iterable, read on the run's event loop; a shard of it is every n-th row."""

    total: int | None = None

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
