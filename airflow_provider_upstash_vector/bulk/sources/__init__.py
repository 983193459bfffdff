"""Sources of rows: what may be passed as ``rows``, and how each kind is read."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence

from airflow_provider_upstash_vector.bulk.sources.base import (
    END,
    FAILURE_FIELD,
    MAX_ROW_BYTES,
    PENDING,
    AsyncSource,
    InvalidJson,
    InvalidRows,
    InvalidValue,
    PagedSource,
    Pending,
    Poll,
    RejectedRow,
    Shard,
    Source,
    SourceBroken,
    SourceRow,
    Unreadable,
)
from airflow_provider_upstash_vector.bulk.sources.field_names import FieldNames
from airflow_provider_upstash_vector.bulk.sources.files import FileRows
from airflow_provider_upstash_vector.bulk.sources.formats import Format
from airflow_provider_upstash_vector.bulk.sources.iterables import AsyncIterableRows, IterableRows, SequenceRows
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles
from airflow_provider_upstash_vector.bulk.sources.paths import FindPaths, are_paths, found_files, local_paths
from airflow_provider_upstash_vector.bulk.sources.tables import is_table, table_rows
from airflow_provider_upstash_vector.client.validation import shown

__all__ = [
    "END",
    "FAILURE_FIELD",
    "MAX_ROW_BYTES",
    "PENDING",
    "AsyncSource",
    "FieldNames",
    "FindPaths",
    "Format",
    "InvalidJson",
    "InvalidRows",
    "InvalidValue",
    "PagedSource",
    "Pending",
    "Poll",
    "RejectedRow",
    "Shard",
    "Source",
    "SourceBroken",
    "SourceRow",
    "Unreadable",
    "local_paths",
    "open_source",
]


def open_source(
    rows: object,
    names: FieldNames,
    *,
    shard: Shard | None = None,
    format: Format | None = None,
    delimiter: str | None = None,
    find_paths: FindPaths = local_paths,
    own: OwnFiles | None = None,
) -> Source | AsyncSource:
    """Return the source for ``rows``: paths, URIs and globs of files, a table, a list, or any iterable.

    A source of pages is returned as it is.

    Raises :class:`InvalidRows` if it is none of these, a file is missing or ``own``, or a table or Parquet file
    has no id column; that a CSV file has none shows when it is read.
    """
    if isinstance(rows, PagedSource):
        return rows
    if are_paths(rows):
        return FileRows(found_files(rows, find_paths, own), names.by_name(), shard, format, delimiter)
    if is_table(rows):
        return table_rows(rows, names.by_name(), shard)
    if isinstance(rows, AsyncIterable):
        return AsyncIterableRows(rows, shard)
    if isinstance(rows, Mapping | bytes | bytearray) or not isinstance(rows, Iterable):
        raise InvalidRows(f"rows must be a list, an iterable, a table or a path, got {shown(rows)}")
    if isinstance(rows, Sequence):
        return SequenceRows(rows, shard)
    return IterableRows(rows, shard)
