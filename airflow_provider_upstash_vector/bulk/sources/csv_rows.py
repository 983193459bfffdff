"""CSV with a header line: vectors and metadata as JSON in their cells; an empty cell is a field not given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.jsonl import MAX_LINE_BYTES
from airflow_provider_upstash_vector.bulk.sources.skip import Skip

_JSON_FIELDS = {"vector", "sparse_vector", "metadata"}


def rows(
    file: BinaryIO, names: Mapping[str, str], skip: Skip, shard: Shard | None = None
) -> Iterator[tuple[object, int]]:
    """Yield the fields that ``names`` knows and the line number of each row of the shard that is not skipped.

    ``names`` gives the update's field for a column. Bytes that are no UTF-8 reach the row that they are in, which
    is then rejected. Raises :class:`InvalidRows` where the header has none of the columns.
    """
    csv.field_size_limit(MAX_LINE_BYTES)  # a process-wide limit, of 128 KB by default
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.reader(text, strict=True)
        header = next(reader, [])
        if header and "id" not in {names.get(column) for column in header}:
            raise InvalidRows(f"the header has no id column, only {', '.join(header)[:200]}")
        index, count = shard or (0, 1)
        for place, cells in enumerate(_cells(reader)):
            if place % count == index and not skip.passes():
                value = cells if isinstance(cells, Unreadable) else _row(header, cells, names)
                yield value, reader.line_num


def _cells(reader: Iterator[list[str]]) -> Iterator[list[str] | Unreadable]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:  # noqa: PERF203 - the rows after a bad one are wanted
            return
        except csv.Error as error:
            yield Unreadable("", f"the line is not CSV: {error}")
        else:
            if cells:
                yield cells


def _row(header: list[str], cells: list[str], names: Mapping[str, str]) -> object:
    if len(cells) != len(header):
        return Unreadable(",".join(cells)[:200], f"has {len(cells)} cells, the header {len(header)}")
    row: dict[str, object] = {}
    for column, cell in zip(header, cells, strict=True):
        field = names.get(column)
        if field is None or (cell == "" and field != "namespace"):
            continue
        try:
            row[column] = orjson.loads(cell) if field in _JSON_FIELDS else cell
        except ValueError as error:
            return Unreadable(",".join(cells)[:200], f"{column} is not JSON: {error}")
    return row
