"""DataFrames and tables of any library that speaks the Arrow PyCapsule interface: pandas, polars, pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_provider_upstash_vector.bulk.sources import arrow_rows
from airflow_provider_upstash_vector.bulk.sources.base import Shard, SourceRow

_BATCH_ROWS = 1024


def is_table(rows: object) -> bool:
    """Tell whether ``rows`` gives Arrow data."""
    return hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__")


class TableRows:
    """A table in memory, or a stream of record batches, which can be read once."""

    blocking = False

    def __init__(self, table: Any, names: Mapping[str, str], shard: Shard | None) -> None:
        self._arrow = arrow_rows.pyarrow()
        self._names = names
        self._index, self._count = shard or (0, 1)
        self._table = table if hasattr(table, "__arrow_c_stream__") else self._arrow.record_batch(table)
        length = len(table) if hasattr(table, "__len__") else None
        if length is not None:
            self._first, end = length * self._index // self._count, length * (self._index + 1) // self._count
            self.total: int | None = end - self._first
        else:
            self.total = None
        self._read = 0
        self.fingerprint: str | None = f"table of {length} rows {self._index}/{self._count}"

    def _batches(self) -> Iterator[Any]:
        if isinstance(self._table, self._arrow.RecordBatch):
            reader = iter([self._table])
        else:
            reader = self._arrow.RecordBatchReader.from_stream(self._table)
        for batch in reader:
            columns = arrow_rows.used_columns(batch.schema.names, self._names)
            yield batch.select(columns)

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        if self.total is None:
            mine = islice(arrow_rows.rows(self._batches(), self._names), self._index, None, self._count)
            values = islice(mine, skip, None)
        else:
            part = _part(self._batches(), self._first + skip, self.total - skip)
            values = arrow_rows.rows(part, self._names)  # type: ignore[assignment]  # an iterator as well
        for value in values:
            self._read += 1
            yield value, None, None

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return self._read / self.total if self.total else None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - takes none
        """Return the number of rows after the first ``skip``."""
        return None if self.total is None else self.total - skip


def _part(batches: Iterator[Any], first: int, count: int) -> Iterator[Any]:
    """Yield ``count`` rows from ``first`` on, in slices that are small once they are Python values."""
    for batch in batches:
        position = min(first, batch.num_rows)
        first -= position
        while count and position < batch.num_rows:
            piece = batch.slice(position, min(_BATCH_ROWS, count))
            position += piece.num_rows
            count -= piece.num_rows
            yield piece
        if not count:
            return
