"""JSON Lines: an object on each line; a shard is a range of bytes, so that the rest is not read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.skip import Skip

# A row holds 1 MB of text, 48 KB of metadata and two vectors at most; JSON may take six characters for one.
MAX_LINE_BYTES = 16 * 1024 * 1024
TOO_LONG = f"the line is longer than {MAX_LINE_BYTES // 1024**2} MB"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PIECE_BYTES = 1024 * 1024
_BLANK: Final = object()


def rows(
    file: BinaryIO, skip: Skip, shard: Shard | None = None, span: tuple[int, int] | None = None
) -> Iterator[tuple[object, int | str]]:
    """Yield the value and the place of each line that is neither blank nor skipped.

    With ``span`` these are the lines that begin within a range of bytes, and places are bytes; else they are line
    numbers from 1. ``shard`` takes every n-th, for files that can only be read from the start.
    """
    start, end = span or (0, sys.maxsize)
    if start:
        file.seek(start - 1)
        start += _pass_line(file) - 1  # a line that begins before the range belongs to the range before
    index, count = shard or (0, 1)
    number = place = 0
    passing = True  # as long as some of the next rows may be left out
    loads, readline, most = orjson.loads, file.readline, MAX_LINE_BYTES
    while start < end and (line := readline(most + 1)):
        number += 1
        here = start
        size = len(line)
        start += size
        if size > most and not line.endswith(b"\n"):
            start += _pass_line(file)
        if passing:
            if _is_blank(line, first=not here):
                continue
            place += 1
            if (place - 1) % count != index or skip.passes():
                continue
            passing = count > 1
        try:
            value = loads(line) if size <= most else _too_long(line)
        except ValueError as error:
            value = _other_value(line, error, first=not here)
            if value is _BLANK:
                continue
        yield value, f"byte {here}" if span else number


def _pass_line(file: BinaryIO) -> int:
    """Read to the end of the line and return the number of bytes, of which few are kept in memory."""
    passed = 0
    while piece := file.readline(_PIECE_BYTES):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


def _is_blank(line: bytes, *, first: bool) -> bool:
    return line.isspace() or (first and not line.removeprefix(_BYTE_ORDER_MARK).strip())


def _other_value(line: bytes, error: ValueError, *, first: bool) -> object:
    """Return what a line is that is not JSON: blank, JSON after a byte order mark, or :class:`Unreadable`."""
    if _is_blank(line, first=first):
        return _BLANK
    if first and line.startswith(_BYTE_ORDER_MARK):
        line = line.removeprefix(_BYTE_ORDER_MARK)
        try:
            return orjson.loads(line)
        except ValueError as after_mark:
            error = after_mark
    return Unreadable(_shown(line), _reason(line, error, first=first))


def _too_long(line: bytes) -> Unreadable:
    return Unreadable(_shown(line), TOO_LONG)


def _shown(line: bytes) -> str:
    return line[:200].decode(errors="replace").strip()


def _reason(line: bytes, error: ValueError, *, first: bool) -> str:
    if first and line.startswith(UTF_16):
        return "the file is UTF-16: write it as UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"the line is not UTF-8 at byte {wrong.start}"
    return f"the line is not JSON: {getattr(error, 'msg', error)} at character {getattr(error, 'pos', 0)}"
