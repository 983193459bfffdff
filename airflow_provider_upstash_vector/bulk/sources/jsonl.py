"""JSON: an object on each line, or in an array; a shard of lines is a range of bytes, so the rest is not read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TypeAlias

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import (
    MAX_ROW_BYTES,
    PENDING,
    InvalidRows,
    Pending,
    Shard,
    Unreadable,
)
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace, RowCursor
from airflow_provider_upstash_vector.bulk.sources.field_names import METADATA_PART, Fields
from airflow_provider_upstash_vector.client import exact_json
from airflow_provider_upstash_vector.client.validation import shown

TOO_LONG = (
    f"is longer than {MAX_ROW_BYTES // 1024**2} MB, more than a row can have: check the format and line endings"
)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PIECE_BYTES = 1024 * 1024
_SHORT_BYTES = 2048
_NEXT_OBJECT = re.compile(rb"\}[ \t\r\n,]*\{")
_BETWEEN_OBJECTS = re.compile(r"[ \t\r\n,]*")
_DECODER = json.JSONDecoder()
# the place of a line, whether it is the first of the file, and its bytes
Line: TypeAlias = tuple[int | str, bool, bytes]


def rows(
    file: BinaryIO,
    names: Fields,
    skip: RowCursor,
    shard: Shard | None = None,
    span: tuple[int, int] | None = None,
    *,
    lines: Iterator[Line | Pending] | None = None,
) -> Iterator[tuple[object, int | str] | Pending]:
    """Yield the value and the place of each row that is not skipped: each line that is not blank.

    Objects one after another on a line are a row each. With ``span`` the rows are those of the lines that begin
    within a range of bytes, and places are bytes; else they are line numbers from 1. ``shard`` takes every n-th,
    for files that can only be read from the start. ``names`` gives the row's field for a name.

    ``lines`` are read instead of those of the file: the elements of an array.

    Raises :class:`InvalidRows` if a line is too long, or an array of rows.
    """
    vectors = {name for name, field in names.items() if field in {"vector", "sparse_vector"}}
    exact = None if names.other == METADATA_PART else [name for name in names if name not in vectors]
    index, count = shard or (0, 1)
    row = 0
    passing = True  # as long as some of the next rows may be left out
    loads, has_digits = orjson.loads, exact_json.has_digits
    for line_read in _lines(file, span) if lines is None else lines:
        if line_read is PENDING:
            yield PENDING
            continue
        place, first, line = line_read
        texts: Sequence[bytes] = (line,)
        if passing:
            texts = []
            for text in _texts(line, first=first):
                row += 1
                if (row - 1) % count == index and not skip.passes():
                    texts.append(text)
                    passing = count > 1
        for text in texts:
            try:
                value = loads(text)
            except ValueError:
                for other in _other_rows(text, place, first=first):
                    yield other, place
                continue
            # long lines have vectors: it is faster to check their other values at once
            if type(value) is not dict or (
                (len(text) > _SHORT_BYTES or has_digits(text))
                and exact_json.may_be_rounded(map(value.get, value.keys() - vectors if exact is None else exact))
            ):
                value = _row(text, place)
            yield value, place


def _lines(file: BinaryIO, span: tuple[int, int] | None) -> Iterator[Line | Pending]:
    """Yield each line."""
    start, end = span or (0, sys.maxsize)
    if start:
        file.seek(start - 1)
        start -= 1
        while piece := file.readline(_PIECE_BYTES):  # of the line that begins in the range before
            start += len(piece)
            if piece.endswith(b"\n"):
                break
            yield PENDING
    number, pace = 0, Pace()
    readline = file.readline
    while start < end and (line := readline(MAX_ROW_BYTES + 1)):
        number += 1
        place = f"byte {start}" if span else number
        if len(line) > MAX_ROW_BYTES:
            raise InvalidRows(f"{_where(place)} {TOO_LONG}")
        yield place, not start, line
        if pace.is_due():
            yield PENDING
        start += len(line)


def _where(place: int | str) -> str:
    if isinstance(place, int):
        return f"line {place}"
    return f"the line at {place}" if place.startswith("byte") else place


def _is_blank(line: bytes, *, first: bool) -> bool:
    return line.isspace() or (first and not line.removeprefix(_BYTE_ORDER_MARK).strip())


def _texts(line: bytes, *, first: bool) -> Sequence[bytes]:
    """Return the texts of the rows on a line, of which it has none if it is blank."""
    if _is_blank(line, first=first):
        return ()
    text = line.removeprefix(_BYTE_ORDER_MARK) if first else line
    end = text.find(b"}")
    if text.find(b"{", end) < end or _NEXT_OBJECT.search(text, end) is None or _is_json(text):
        return (line,)
    return _objects(text) or (line,)


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True


def _objects(line: bytes) -> list[bytes]:
    """Return the texts of two or more objects that stand one after another on a line, or nothing."""
    found: list[bytes] = []
    try:
        text = line.decode().strip()
        position = 0
        while position < len(text):
            value, end = _DECODER.raw_decode(text, position)
            if not isinstance(value, dict):
                return []
            found.append(text[position:end].encode())
            position = _BETWEEN_OBJECTS.match(text, end).end()  # type: ignore[union-attr]  # it matches no text too
    except (ValueError, RecursionError):
        return []
    return found if len(found) > 1 else []


def _row(text: bytes, place: int | str, *, first: bool = False) -> object:
    """Return the object of a text, with exact integers, or :class:`Unreadable`."""
    try:
        value = exact_json.loads(text)
    except ValueError as error:
        return Unreadable(_text(text), _reason(text, error, first=first))
    if type(value) is list and any(type(part) is dict for part in value):
        raise InvalidRows(
            f"{_where(place)} is an array of rows: write each of them on its own line, or pass format='json'"
        )
    if type(value) is not dict:
        return Unreadable(_text(text), f"must be an object with the fields of a row, got {shown(value)}")
    return value


def _other_rows(line: bytes, place: int | str, *, first: bool) -> list[object]:
    """Return the rows of a line that is not one JSON value: none, several, or one :class:`Unreadable`."""
    if _is_blank(line, first=first):
        return []
    text = line.removeprefix(_BYTE_ORDER_MARK) if first else line
    return [_row(part, place, first=first) for part in _objects(text) or [text]]


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace").strip()


def _reason(line: bytes, error: ValueError, *, first: bool) -> str:
    if first and line.startswith(UTF_16):
        return "the file is UTF-16: write it as UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"the row is not UTF-8 at byte {wrong.start}"
    return f"the row is not JSON: {getattr(error, 'msg', error)} at character {getattr(error, 'pos', 0)}"
