"""A list of rows within a JSON object, read element by element: neither the object nor the list is in memory."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import PENDING, InvalidRows, Pending
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace
from airflow_provider_upstash_vector.bulk.sources.field_paths import FieldPath
from airflow_provider_upstash_vector.bulk.sources.json_array import DEPTH, JsonText

_MARK = b"\xef\xbb\xbf"
_BETWEEN_OBJECTS = b" \t\r\n," + _MARK
# what separates the parts of a container that leads to the list, those of the list, and begins and ends others
_IN_PARENT, _IN_LIST, _IN_OTHER = (re.compile(marks) for marks in (rb'["\[\]{},:]', rb'["\[\]{},]', rb'["\[\]{}]'))
_NOT_FOUND, _PASSED = 0, -1


def begins(file: BinaryIO) -> bool:
    """Return whether a file, which has a buffer, begins with an object that is on more than one line or long."""
    start = cast("io.BufferedReader", file).peek(1).removeprefix(_MARK).lstrip()
    try:
        orjson.loads(start.partition(b"\n")[0])
    except ValueError:
        return start.startswith(b"{")
    return False


def elements(file: BinaryIO, path: FieldPath) -> Iterator[tuple[str, bool, bytes] | Pending]:
    """Yield the place of each element of the list at ``path`` in each object of a file, ``False``, and its text.

    Only what leads to the list is checked to be JSON. Raises :class:`InvalidRows` if an object has no such list
    or a part of it is too large, and ``OSError`` if the file ends within an object.
    """
    text, search, pace = JsonText(cast("io.BufferedReader", file)), _Search(path), Pace()
    while True:
        mark = text.mark(search.marks())
        if mark is None:
            if search.depth:
                text.read_element(search.number + 1)
            else:
                search.check_between(text.passed())
                if not text.read_more():
                    break
            if pace.is_due():
                yield PENDING
        elif search.list_depth <= 0:
            search.pass_mark(mark, text.passed()[:-1])
        elif search.depth > search.list_depth or mark in b"[{":
            search.depth += DEPTH[mark]
        else:
            element = text.passed()[:-1]
            if element.strip():
                yield search.place(), False, element
            if mark == b"]":
                search.end_list()


class _Search:
    """The containers around a position: ``depth`` in all, the list at ``list_depth``, if it has been found."""

    def __init__(self, path: FieldPath) -> None:
        self._path = path
        self.depth = 0
        self.list_depth = _NOT_FOUND
        self.number = 0  # of elements
        self._objects = 0
        self._followed = 0  # the depth of the container that has the next step
        self._position = 0  # in that container
        self._is_next = False  # whether the next value is that of the step

    def marks(self) -> re.Pattern[bytes]:
        """Return what ends the text that comes next."""
        if self.list_depth == _NOT_FOUND and self.depth == self._followed:
            return _IN_PARENT
        return _IN_LIST if self.depth == self.list_depth else _IN_OTHER

    def place(self) -> str:
        """Return the place of the next element."""
        self.number += 1
        of = f"object {self._objects}, " if self._objects > 1 else ""
        return f"{of}{self._path.text}[{self.number - 1}]"

    def end_list(self) -> None:
        """Pass the end of the list."""
        self.depth -= 1
        self.list_depth = _PASSED

    def check_between(self, text: bytes) -> None:
        """Raise :class:`InvalidRows` unless ``text`` may be around objects."""
        if text.strip(_BETWEEN_OBJECTS):
            raise InvalidRows(f"something other than an object follows after {self._objects:,}")

    def pass_mark(self, mark: bytes, before: bytes) -> None:
        """Pass a mark outside the list, and the text before it."""
        if not self.depth:
            self.check_between(before + mark.replace(b"{", b""))
            self._objects += 1
            self._followed, self._is_next, self.number = 1, False, 0
            self.list_depth = _NOT_FOUND
        elif self.list_depth == _NOT_FOUND and self.depth == self._followed:
            self._follow(mark, before)
        self.depth += DEPTH[mark]
        if not self.depth and self.list_depth == _NOT_FOUND:
            raise InvalidRows(f"object {self._objects:,} has no list {self._path.text!r} for rows_field")

    def _follow(self, mark: bytes, before: bytes) -> None:
        steps = self._path.steps
        if mark == b":":
            self._is_next = self._key(before) == steps[self._followed - 1]
        elif mark == b",":
            self._position += 1
            self._is_next = self._position == steps[self._followed - 1]
        elif DEPTH[mark] < 0:
            self._followed -= 1
            self._is_next, self._position = False, sys.maxsize
        elif self._is_next:
            self._is_next = False
            if self._followed < len(steps):
                self._is_next = mark == b"[" and steps[self._followed] == 0
                self._followed += 1
                self._position = 0
            elif mark == b"[":
                self.list_depth = self.depth + 1

    def _key(self, text: bytes) -> object:
        try:
            return orjson.loads(text)
        except ValueError:
            raise InvalidRows(f"object {self._objects:,} is not JSON before {text[-60:]!r}") from None
