"""JSON Lines: an object on each line; a shard is a range of bytes, so that the rest is not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import Shard, Unreadable
from airflow_provider_upstash_vector.bulk.sources.skip import Skip

# A row holds 1 MB of text, 48 KB of metadata and two vectors at most; JSON may take six characters for one.
MAX_LINE_BYTES = 16 * 1024 * 1024
_BLANK = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def rows(file: BinaryIO, skip: Skip, shard: Shard | None = None) -> Iterator[tuple[object, int]]:
    """Yield the value and the line number, counted from 1, of each line that is neither blank nor skipped.

    ``shard`` takes every n-th, for files that can only be read from the start.
    """
    index, count = shard or (0, 1)
    number = place = 0
    while line := _next_line(file):
        number += 1
        if not line.strip(_BLANK):
            continue
        place += 1
        if (place - 1) % count != index or skip.passes():
            continue
        yield parsed(line, first=number == 1), number


def shard_rows(file: BinaryIO, size: int, shard: Shard, skip: Skip) -> Iterator[tuple[object, str]]:
    """Yield the value and the place of each line that begins within the shard's range of bytes."""
    begin, end = size * shard.number // shard.of, size * (shard.number + 1) // shard.of
    if begin:
        file.seek(begin - 1)
        _next_line(file)  # one that begins before the range belongs to the shard before
    while (start := file.tell()) < end and (line := _next_line(file)):
        if line.strip(_BLANK) and not skip.passes():
            yield parsed(line, first=start == 0), f"byte {start}"


def parsed(line: bytes, *, first: bool = False) -> object:
    """Return the JSON value of a line, or :class:`Unreadable`."""
    if first and line.startswith(_BYTE_ORDER_MARK):
        line = line[len(_BYTE_ORDER_MARK) :]
    try:
        return orjson.loads(line)
    except ValueError as error:
        reason = str(error)
    return _unreadable(line, reason, first=first)


def _unreadable(line: bytes, reason: str, *, first: bool) -> Unreadable:
    text = line[:200].decode(errors="replace").strip()
    if len(line) > MAX_LINE_BYTES:
        return Unreadable(text, f"the line is longer than {MAX_LINE_BYTES // 1024**2} MB")
    if first and line.startswith(_UTF_16):
        return Unreadable(text, "the file is UTF-16: write it as UTF-8")
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return Unreadable(text, f"the line is not UTF-8 at byte {error.start}")
    return Unreadable(text, f"the line is not a JSON object: {reason}")


def _next_line(file: BinaryIO) -> bytes:
    """Return a line; of one that is too long no more than shows that it is."""
    line = file.readline(MAX_LINE_BYTES + 1)
    if len(line) > MAX_LINE_BYTES:
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES)
    return line
