"""Parquet: only the columns of an update are read; a shard is every n-th row group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from airflow_provider_upstash_vector.bulk.sources import arrow_rows
from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Shard
from airflow_provider_upstash_vector.bulk.sources.skip import Skip

_BATCH_ROWS = 1024


class ParquetRows:
    """An open Parquet file; its metadata is read at once, its rows when they are asked for."""

    def __init__(self, file: BinaryIO, names: Mapping[str, str], shard: Shard | None) -> None:
        arrow = arrow_rows.pyarrow()
        from pyarrow import parquet  # noqa: PLC0415 - an extra

        try:
            self._file: Any = parquet.ParquetFile(file)
        except arrow.ArrowInvalid as error:
            raise InvalidRows(f"not a Parquet file: {error}") from None
        index, count = shard or (0, 1)
        self._names = names
        groups = range(index, self._file.metadata.num_row_groups, count)
        self._sizes = {group: self._file.metadata.row_group(group).num_rows for group in groups}
        self._columns = arrow_rows.used_columns(self._file.schema_arrow.names, names)

    @property
    def total(self) -> int:
        """The number of rows."""
        return sum(self._sizes.values())

    def rows(self, skip: Skip) -> Iterator[object]:
        """Yield the rows that are not skipped; row groups without such are not read."""
        for group, size in self._sizes.items():
            skipped = sum(skip.passes() for _ in range(size))
            if skipped < size:
                batches = self._file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=self._columns)
                yield from arrow_rows.rows(_without_first(batches, skipped), self._names)


def _without_first(batches: Iterator[Any], skip: int) -> Iterator[Any]:
    for batch in batches:
        begin = min(skip, batch.num_rows)
        skip -= begin
        yield batch.slice(begin)
