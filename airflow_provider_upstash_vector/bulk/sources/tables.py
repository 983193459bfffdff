"""DataFrames and tables of any library with the Arrow PyCapsule interface: pandas, polars, pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

from airflow_provider_upstash_vector.bulk.sources import arrow_rows
from airflow_provider_upstash_vector.bulk.sources.arrow_rows import BATCH_ROWS
from airflow_provider_upstash_vector.bulk.sources.base import (
    InvalidRows,
    Shard,
    SizedSource,
    Source,
    SourceRow,
    UnsizedSource,
)
from airflow_provider_upstash_vector.bulk.sources.columns import used_columns
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.field_names import Fields
from airflow_provider_upstash_vector.bulk.sources.pandas_rows import PandasTable, is_pandas


def is_table(rows: object) -> bool:
    """Return whether ``rows`` is a DataFrame or exports Arrow data."""
    return hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__") or is_pandas(rows)


def table_rows(table: Any, names: Fields, shard: Shard | None) -> Source:
    """Return the rows of a table, or of a stream of record batches, which has no length.

    Raises :class:`InvalidRows` if it has no id column.
    """
    arrow = pyarrow()
    if is_pandas(table):
        return TableRows(PandasTable(table, names), shard)
    try:
        if hasattr(table, "__arrow_c_stream__"):
            reader = arrow.RecordBatchReader.from_stream(table)
            if not hasattr(table, "__len__"):
                return StreamRows(reader, names, shard)
            whole = reader.read_all()
        else:
            whole = arrow.Table.from_batches([arrow.record_batch(table)])
    except (arrow.ArrowException, TypeError) as error:
        raise InvalidRows(f"the table cannot be read: {error}") from error
    return TableRows(_ArrowTable(whole, names), shard)


class _Table(Protocol):
    length: int

    def rows(self, begin: int, end: int) -> Iterator[object]: ...


class _ArrowTable:
    def __init__(self, table: Any, names: Fields) -> None:
        self._table = table.select([column.position for column in used_columns(table.schema.names, names)])
        self._names = names
        self.length: int = table.num_rows

    def rows(self, begin: int, end: int) -> Iterator[object]:
        part = self._table.slice(begin, max(0, end - begin))
        return arrow_rows.rows(part.to_batches(max_chunksize=BATCH_ROWS), self._names)


class TableRows(SizedSource):
    """A table in memory; a shard of it is a contiguous part."""

    def __init__(self, table: _Table, shard: Shard | None) -> None:
        super().__init__(table.length, shard)
        self._table = table
        self.fingerprint: str | None = f"table of {table.length} rows {self._first}-{self._end}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        self._next = self._first + skip
        for value in self._table.rows(self._next, self._end):
            self._next += 1
            yield value, None, None


class StreamRows(UnsizedSource):
    """A stream of record batches, for example from a database; a shard is every n-th row."""

    blocking = True

    def __init__(self, reader: Any, names: Fields, shard: Shard | None) -> None:
        self._columns = [column.position for column in used_columns(reader.schema.names, names)]
        self._reader = reader
        self._names = names
        self._shard = shard or Shard(0, 1)
        self.fingerprint: str | None = f"stream {reader.schema.names} {self._shard.number}/{self._shard.of}"

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""
        number, of = self._shard
        rows = arrow_rows.rows(self._pieces(number + skip * of), self._names)
        return ((row, None, None) for row in islice(rows, 0, None, of))

    def _pieces(self, skip: int) -> Iterator[Any]:
        """Yield the rows after ``skip`` others in batches that are small once they are Python values."""
        for batch in self._reader:
            used = batch.select(self._columns)
            for begin in range(min(skip, batch.num_rows), batch.num_rows, BATCH_ROWS):
                yield used.slice(begin, BATCH_ROWS)
            skip = max(0, skip - batch.num_rows)
