"""CSV with a header line: vectors and metadata are JSON or Python literals; an empty cell is an absent field."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Sequence
from typing import BinaryIO

from airflow_provider_upstash_vector.bulk.sources.base import PENDING, InvalidRows, Pending, Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.columns import (
    JSON_FIELDS,
    Column,
    json_value,
    metadata_value,
    printable,
    used_columns,
)
from airflow_provider_upstash_vector.bulk.sources.csv_records import DELIMITERS, MAX_RECORD_CHARS, Records
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace, RowCursor
from airflow_provider_upstash_vector.bulk.sources.field_names import METADATA_PART, Fields
from airflow_provider_upstash_vector.bulk.sources.jsonl import UTF_16


def rows(
    file: BinaryIO,
    names: Fields,
    skip: RowCursor,
    shard: Shard | None = None,
    delimiter: str | None = None,
) -> Iterator[tuple[object, int] | Pending]:
    """Yield the fields and the line number of each row of the shard that is not skipped.

    ``names`` gives the row's field for a column. Without a ``delimiter`` the header decides. Raises
    :class:`InvalidRows` if the header cannot be read or has no id column; :class:`Records` raises it too.
    """
    # a process-wide limit, of 128 KB by default
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARS))
    start = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    if start in UTF_16:
        raise InvalidRows("the file is UTF-16: write it as UTF-8")
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        records = Records(text)
        table = iter(records)
        delimiters = (delimiter,) if delimiter else DELIMITERS
        records.header, columns = yield from _header(records, table, names, delimiters)
        if not columns:
            return
        index, count = shard or (0, 1)
        number, pace = 0, Pace()
        for cells in table:
            if cells is PENDING:
                yield PENDING
                continue
            if number % count == index and not skip.passes():
                yield _row(columns, cells, records), records.first_line
            elif pace.is_due():
                yield PENDING
            number += 1


def _header(
    records: Records, table: Iterator[list[str] | str | Pending], names: Fields, delimiters: Sequence[str]
) -> Generator[Pending, None, tuple[list[str], list[Column]]]:
    """Return the header and the columns that are used, split by the one of ``delimiters`` that gives an id.

    Raises :class:`InvalidRows` if the header cannot be read, or if none or several of them give an id.
    """
    headers: dict[str, list[str]] = {}
    wrong = ""
    for delimiter in delimiters:
        records.split_by(delimiter)
        while (cells := next(table, [])) is PENDING:
            yield PENDING
        if isinstance(cells, list) and records.is_utf_8():
            headers[delimiter] = [name if name in names else name.strip() for name in cells]
        else:
            wrong = wrong or f"the header cannot be read: {records.reason(cells)}"
    if not headers:
        raise InvalidRows(wrong)
    found = [delimiter for delimiter, header in headers.items() if "id" in names.held(header)]
    chosen = found[0] if found else max(headers, key=lambda delimiter: len(headers[delimiter]))
    header = headers[chosen]
    if len(found) > 1 and len(header) > 1:
        raise InvalidRows(
            f"the header has an id column whether {' or '.join(map(repr, found))} separates the "
            "cells: pass delimiter="
        )
    if not header:
        return [], []
    try:
        columns = used_columns(header, names)
    except InvalidRows as error:
        if found or len(delimiters) == 1:
            raise
        raise InvalidRows(
            f"{error} (if neither a comma, a semicolon nor a tab separates the cells, pass delimiter=)"
        ) from None
    records.split_by(chosen)
    next(table)
    return header, columns


def _row(columns: list[Column], cells: list[str] | str, records: Records) -> object:
    if type(cells) is str or len(cells) != len(records.header) or not records.is_utf_8():
        return Unreadable(printable(records.text), records.reason(cells))
    row: dict[str, object] = {}
    for position, name, field in columns:
        if cell := cells[position]:
            if field in JSON_FIELDS:
                row[name] = json_value(cell, field)
            else:
                row[name] = metadata_value(cell) if field == METADATA_PART else cell
    return row
