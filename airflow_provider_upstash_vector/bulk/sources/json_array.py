"""A JSON array of rows, read element by element: only one of them is in memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from airflow_provider_upstash_vector.bulk.sources.base import (
    MAX_ROW_BYTES,
    PENDING,
    TOO_LARGE,
    InvalidRows,
    Pending,
)
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace

_PIECE_BYTES = 256 * 1024
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
_IN_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
# What separates elements, and what they and their parts begin and end with.
_IN_ARRAY, _IN_ELEMENT = re.compile(rb'["\[\]{},]'), re.compile(rb'["\[\]{}]')
DEPTH = {b"[": 1, b"{": 1, b"]": -1, b"}": -1, b",": 0, b":": 0}


def begins(file: BinaryIO) -> bool:
    """Return whether a file, which has a buffer, begins with an array."""
    return _START.match(cast("io.BufferedReader", file).peek(1)) is not None


def elements(file: BinaryIO) -> Iterator[tuple[str, bool, bytes] | Pending]:
    """Yield the place of each element, whether it is the first line of the file, which it never is, and its text.

    Whether an element is JSON is not checked. Raises :class:`InvalidRows` if one is too large or anything follows
    the array, and ``OSError`` if the file ends before the array does.
    """
    text, pace = JsonText(cast("io.BufferedReader", file)), Pace()
    number, depth = 0, 0
    while True:
        mark = text.mark(_IN_ARRAY if depth == 1 else _IN_ELEMENT)
        if mark is None:
            text.read_element(number + 1)
            if pace.is_due():
                yield PENDING
            continue
        depth += DEPTH[mark]
        if depth == 1 and mark == b"[":
            text.passed()
        elif depth == 0 or mark == b",":
            element = text.passed()[:-1]
            if element.strip():
                number += 1
                yield f"element {number}", False, element
            if not depth:
                break
    text.read_end(number)


class JsonText:
    """JSON outside of its strings: what has been read of a file and not yielded."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._read = file.read1
        self._text = b""
        self._begin = self._position = 0
        self._in_string = False  # at the position

    def mark(self, marks: re.Pattern[bytes]) -> bytes | None:
        """Return the next of ``marks`` outside a string, or ``None`` if more must be read for it."""
        while self._passed_string() and (found := marks.search(self._text, self._position)):
            self._position = found.end()
            if found[0] != b'"':
                return found[0]
            self._in_string = True
        if not self._in_string:
            self._position = len(self._text)
        return None

    def _passed_string(self) -> bool:
        """Move behind the string that has begun, if there is one; return whether all of it has been read."""
        if self._in_string:
            self._position = _IN_STRING.match(self._text, self._position).end()  # type: ignore[union-attr]  # it matches no text too
            if self._position < len(self._text) and self._text[self._position] == ord('"'):
                self._position += 1
                self._in_string = False
        return not self._in_string

    def passed(self) -> bytes:
        """Return the text up to the last mark, which is not needed any more."""
        begin, self._begin = self._begin, self._position
        return self._text[begin : self._position]

    def read_element(self, number: int) -> None:
        """Read more of an element; raise an error if there is no more or it is too large."""
        if not self.read_more():
            raise OSError(f"it ends within the array, in element {number:,}")
        if len(self._text) > MAX_ROW_BYTES:
            raise InvalidRows(f"element {number:,} of the array {TOO_LARGE}")

    def read_end(self, number: int) -> None:
        """Read the rest of the file; raise an error if it is not blank."""
        while not self._text[self._position :].strip():
            self._begin = self._position = len(self._text)
            if not self.read_more():
                return
        raise InvalidRows(f"something follows the array of {number:,} elements")

    def read_more(self) -> bool:
        """Read more of the file; return whether there is any."""
        # as much again as there is, so that a long element is not copied too often
        piece = self._read(max(_PIECE_BYTES, len(self._text) - self._begin))
        self._text = self._text[self._begin :] + piece
        self._position -= self._begin
        self._begin = 0
        return bool(piece)
