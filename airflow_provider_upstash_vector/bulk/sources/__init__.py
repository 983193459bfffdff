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
from airflow_provider_upstash_vector.bulk.sources.exports import ExportRows
from airflow_provider_upstash_vector.bulk.sources.field_names import FieldNames
from airflow_provider_upstash_vector.bulk.sources.field_paths import rows_path
from airflow_provider_upstash_vector.bulk.sources.files import FileRows
from airflow_provider_upstash_vector.bulk.sources.formats import Format
from airflow_provider_upstash_vector.bulk.sources.iterables import AsyncIterableRows, IterableRows, SequenceRows
from airflow_provider_upstash_vector.bulk.sources.manifest import read_manifest
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFiles
from airflow_provider_upstash_vector.bulk.sources.paths import FindPaths, are_paths, found_files, local_paths
from airflow_provider_upstash_vector.bulk.sources.row_steps import (
    checked_rows,
    with_nested_rows,
    with_template_ids,
)
from airflow_provider_upstash_vector.bulk.sources.tables import is_table, table_rows
from airflow_provider_upstash_vector.client.validation import shown

__all__ = [
    "END",
    "FAILURE_FIELD",
    "MAX_ROW_BYTES",
    "PENDING",
    "AsyncSource",
    "ExportRows",
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
    rows_field: str | None = None,
    find_paths: FindPaths = local_paths,
    own: OwnFiles | None = None,
) -> Source | AsyncSource:
    """Return the source for ``rows``: paths, URIs and globs of files, a table, a list, or any iterable.

    With ``rows_field``, they are in lists of that name: in a mapping, or in each of several, or in JSON. The path
    of an export's manifest stands for the export. A source of pages is returned as it is.

    Raises :class:`InvalidRows` if it is none of these, a file is missing or ``own``, or a table or Parquet file
    has no id column; that a CSV file has none shows when it is read.
    """
    if isinstance(rows, PagedSource):
        return rows
    path, template = rows_path(rows_field), names.template()
    if are_paths(rows):
        files = found_files(rows, find_paths, own)
        manifest = read_manifest(files[0]) if len(files) == 1 and not path else None
        if manifest is not None:
            if template:
                raise InvalidRows(f"{files[0]} is of an export, whose rows have ids: leave id_template out")
            return ExportRows(files[0], manifest, names.by_name(), shard, own)
        source: Source | AsyncSource = FileRows(files, names.by_name(), shard, format, delimiter, rows_path=path)
    elif is_table(rows):
        if path:
            raise InvalidRows("rows_field is for mappings and JSON: a table has its rows already")
        source = table_rows(rows, names.by_name(), shard)
    elif path and isinstance(rows, Mapping):
        source = SequenceRows(checked_rows(rows, path), shard)
    else:
        source = _python_rows(rows, shard)
        source = with_nested_rows(source, path) if path else source
    return with_template_ids(source, template, names.id) if template else source


def _python_rows(rows: object, shard: Shard | None) -> Source | AsyncSource:
    if isinstance(rows, AsyncIterable):
        return AsyncIterableRows(rows, shard)
    if isinstance(rows, Mapping | bytes | bytearray) or not isinstance(rows, Iterable):
        hint = "; if it has a list of rows, set rows_field to its name" if isinstance(rows, Mapping) else ""
        raise InvalidRows(f"rows must be a list, an iterable, a table or a path, got {shown(rows)}{hint}")
    if isinstance(rows, Sequence):
        return SequenceRows(rows, shard)
    return IterableRows(rows, shard)
