"""Parquet: only the columns that hold fields of a row are read; a shard is every n-th row group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_upstash_vector.bulk.sources import arrow_rows
from airflow_provider_upstash_vector.bulk.sources.base import PENDING, InvalidRows, Pending, Shard
from airflow_provider_upstash_vector.bulk.sources.columns import used_columns
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace, RowCursor
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.field_names import Fields
from airflow_provider_upstash_vector.bulk.sources.int96 import exact_batches, int96_columns
from airflow_provider_upstash_vector.bulk.sources.parquet_sizes import RowGroupSizes

# Read from each column at a time: a whole row group may take gigabytes.
_BUFFER_BYTES = 4 * 1024 * 1024


def broken() -> tuple[type[Exception], ...]:
    """Return what reading a damaged file raises."""
    return (pyarrow().ArrowException,)


class ParquetRows:
    """An open Parquet file; its metadata is read at once, its rows on demand.

    ``groups_before`` row groups are in the files before, so that shards are even if each file has only one.
    """

    def __init__(self, file: Any, names: Fields, shard: Shard | None, groups_before: int = 0) -> None:
        self._raw = file
        try:
            self._file: Any = self._opened("ns")
        except pyarrow().ArrowInvalid as error:
            raise InvalidRows(f"not a Parquet file: {error}") from None
        metadata = self._file.metadata
        index, count = shard or (0, 1)
        self.group_count: int = metadata.num_row_groups
        mine = range((index - groups_before) % count, self.group_count, count)
        self._sizes = {group: metadata.row_group(group).num_rows for group in mine}
        self.total = sum(self._sizes.values())
        self._columns = [column.name for column in used_columns(self._file.schema_arrow.names, names)]
        self._int96 = int96_columns(self._file, self._columns)
        self._names = names
        self._batch_rows = RowGroupSizes(self._file, file, self._columns).batch_rows
        self._read = 0

    def _opened(self, int96_unit: str) -> Any:
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        return parquet.ParquetFile(
            self._raw, buffer_size=_BUFFER_BYTES, pre_buffer=False, coerce_int96_timestamp_unit=int96_unit
        )

    def fraction(self) -> float:
        """Return the fraction of the rows that has been read."""
        return self._read / self.total if self.total else 1.0

    def rows(self, skip: RowCursor) -> Iterator[object]:
        """Yield the rows that are not skipped; row groups that are skipped as a whole are not read.

        Raises :class:`InvalidRows` for a row group that unfolds to a multiple of its size.
        """
        for group, size in self._sizes.items():
            skipped = skip.passes_of(size)
            if skipped < size:
                yield from arrow_rows.rows(self._batches(group, skipped), self._names)
            else:
                self._read += size

    def _batches(self, group: int, skip: int) -> Iterator[Any | Pending]:
        pace, rows = Pace(), self._batch_rows(group)
        if self._int96:
            batches = exact_batches(self._opened, self._int96, rows, group=group, columns=self._columns)
        else:
            batches = self._file.iter_batches(rows, row_groups=[group], columns=self._columns)
        for batch in batches:
            begin = min(skip, batch.num_rows)
            skip -= begin
            self._read += batch.num_rows
            if begin < batch.num_rows:
                yield batch.slice(begin)
            elif pace.is_due():
                yield PENDING
