"""CSV with a header line: vectors and metadata are JSON in their cells; an empty cell is an absent field."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from airflow_provider_upstash_vector.bulk.sources.base import PENDING, InvalidRows, Pending, Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.columns import (
    JSON_FIELDS,
    Column,
    json_value,
    printable,
    used_columns,
)
from airflow_provider_upstash_vector.bulk.sources.csv_records import MAX_RECORD_CHARS, Records
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace, RowCursor
from airflow_provider_upstash_vector.bulk.sources.jsonl import UTF_16


def rows(
    file: BinaryIO, names: Mapping[str, str], skip: RowCursor, shard: Shard | None = None
) -> Iterator[tuple[object, int] | Pending]:
    """Yield the fields and the line number of each row of the shard that is not skipped.

    ``names`` gives the update's field for a column; other columns are ignored. Raises :class:`InvalidRows`
    if the header cannot be read or has no id column; :class:`Records` raises it too.
    """
    # a process-wide limit, of 128 KB by default
    csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_CHARS))
    start = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    if start in UTF_16:
        raise InvalidRows("the file is UTF-16: write it as UTF-8")
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        records = Records(text)
        table = iter(records)
        while (header := next(table, [])) is PENDING:
            yield PENDING
        if isinstance(header, str) or not records.is_utf_8():
            raise InvalidRows(f"the header cannot be read: {records.reason(header)}")
        if not header:
            return
        header = [name if name in names else name.strip() for name in header]
        columns = used_columns(header, names)
        records.header = header
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


def _row(columns: list[Column], cells: list[str] | str, records: Records) -> object:
    if type(cells) is str or len(cells) != len(records.header) or not records.is_utf_8():
        return Unreadable(printable(records.text), records.reason(cells))
    row: dict[str, object] = {}
    for position, name, field in columns:
        if cell := cells[position]:
            row[name] = json_value(cell, field) if field in JSON_FIELDS else cell
    return row
