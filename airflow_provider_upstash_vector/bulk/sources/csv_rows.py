"""CSV with a header line: vectors and metadata as JSON in their cells; an empty cell is a field not given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.columns import (
    JSON_FIELDS,
    Column,
    json_value,
    shortened,
    used_columns,
)
from airflow_provider_upstash_vector.bulk.sources.jsonl import MAX_LINE_BYTES, TOO_LONG, UTF_16
from airflow_provider_upstash_vector.bulk.sources.skip import Skip


def rows(
    file: BinaryIO, names: Mapping[str, str], skip: Skip, shard: Shard | None = None
) -> Iterator[tuple[object, int]]:
    """Yield the fields that ``names`` knows and the line number of each row of the shard that is not skipped.

    ``names`` gives the update's field for a column. Raises :class:`InvalidRows` where the header cannot be read or
    has none of the columns.
    """
    # a process-wide limit, of 128 KB by default
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    start = file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
    if start in UTF_16:
        raise InvalidRows("the file is UTF-16: write it as UTF-8")
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = _Lines(text)
        table = _table(lines)
        header = next(table, [])
        if isinstance(header, Unreadable):
            raise InvalidRows(f"the header cannot be read: {header.reason}")
        if not header:
            return
        columns = used_columns(header, names)
        index, count = shard or (0, 1)
        for place, cells in enumerate(table):
            if place % count == index and not skip.passes():
                value = cells if isinstance(cells, Unreadable) else _row(columns, cells, len(header))
                yield value, lines.row_begin


class _Lines:
    """The lines of a text for ``csv.reader``, and what there is to say of those that the present row spans."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self.begin_row()

    def begin_row(self) -> None:
        self.row_begin = self._number + 1
        self.row_text = ""
        self.is_utf_8 = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self._number += 1
        self.row_text = self.row_text or line
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith("\n"):
                line = self._text.readline(MAX_LINE_BYTES)
            raise csv.Error(TOO_LONG)
        if not line.isascii() and self.is_utf_8:
            self.is_utf_8 = _is_utf_8(line)
        return line


def _is_utf_8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # a byte that was none stands there as half of a surrogate pair
        return False
    return True


def _table(lines: _Lines) -> Iterator[list[str] | Unreadable]:
    """Yield the cells of each row that is not blank; after one that is broken comes what is on the next line."""
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(shortened(lines.row_text), f"the row is not CSV: {error}")
            continue
        if not lines.is_utf_8:
            yield Unreadable(shortened(lines.row_text), "the row is not UTF-8")
        elif len(cells) > 1 or (cells and cells[0].strip()):
            yield cells


def _row(columns: list[Column], cells: list[str], count: int) -> object:
    if len(cells) != count:
        return Unreadable(shortened(",".join(cells)), f"the row has {len(cells)} cells, the header {count}")
    row: dict[str, object] = {}
    for position, name, field in columns:
        cell = cells[position]
        if cell == "":
            continue
        value: object = cell
        if field in JSON_FIELDS:
            value = json_value(cell, name)
            if isinstance(value, Unreadable):
                return value
        row[name] = value
    return row
