"""What sources of a known length have in common, and those of which nobody knows how many rows will come."""

from __future__ import annotations

from airflow_provider_upstash_vector.bulk.sources.base import Shard


class Counted:
    """Rows of a known length in memory; a shard is the contiguous part from ``_first`` to ``_end``."""

    fixed = False
    rereadable = True
    blocking = False

    def __init__(self, length: int, shard: Shard | None) -> None:
        number, of = shard or (0, 1)
        self._first, self._end = length * number // of, length * (number + 1) // of
        self._next = self._first
        self.total: int | None = self._end - self._first

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return (self._next - self._first) / self.total if self.total else None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - takes none
        """Return the number of rows after the first ``skip``."""
        return self._end - self._first - skip


class Uncounted:
    """Rows that can be read once."""

    fixed = False
    rereadable = False
    total: int | None = None

    def fraction(self) -> float | None:
        """Return ``None``: nobody knows how many will come."""
        return None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - the protocol's arguments
        """Return ``None``: counting would use the rows up."""
        return None
