"""Records of a CSV text; if the quotes in one are wrong, the lines that it consumed are read again."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import Final

from airflow_provider_upstash_vector.bulk.sources.base import MAX_ROW_BYTES, PENDING, InvalidRows, Pending
from airflow_provider_upstash_vector.bulk.sources.columns import printable
from airflow_provider_upstash_vector.bulk.sources.cursor import Pace
from airflow_provider_upstash_vector.bulk.sources.jsonl import TOO_LONG
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.plurals import plural

# The text that is kept for reading again; no row is as long.
MAX_RECORD_CHARS: Final = MAX_ROW_BYTES
# In memory each line is some 60 bytes larger than its text; a text has at most as many lines as bytes.
_MAX_RECORD_LINES: Final = validation.MAX_DATA_BYTES + validation.MAX_METADATA_BYTES
# The limit of what is read again, as a multiple of the text, since quotes may be wrong on every line.
_MAX_TIMES_AGAIN: Final = 8
# What separates cells, if the header does not say otherwise.
DELIMITERS: Final = (",", ";", "\t")


def checked_delimiter(delimiter: object) -> str | None:
    r"""Return a delimiter, a tab for ``\t`` too, or ``None``. Raises ``ValueError`` if it is not one character."""
    if delimiter == "\\t":
        return "\t"
    if delimiter is None or (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter not in '"\r\n\0'):
        return delimiter
    raise ValueError(f"delimiter must be one character that is not a quote or a line break, got {delimiter!r}")


def _plain_quotes(delimiter: str) -> re.Pattern[str]:
    cell = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{re.escape(delimiter)}]*)'
    return re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*")


class Records:
    """Yields the cells of each record that is not blank, or a text that says what is wrong with it.

    A record over several lines is bad if a quote is never closed, or closed within a cell, or if the number of
    cells is not that of ``header``. Its first line is then a record of its own, and the lines after it are read
    again. In those, a quote within a cell is wrong too: such a line may be the end of a cell rather than a row.

    ``first_line`` is the number of the current record's first line, ``text`` all of its text. Raises
    :class:`InvalidRows` if a line is too long, or if quotes are wrong on too many lines.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.header: list[str] = []
        self.first_line = 1
        self._readline = text.readline
        self._again: deque[str] = deque()
        self._lines: list[str] = []  # of the current record
        self._again_to = 0  # the last line that was read before
        self._chars_read = self._chars_again = 0
        self.split_by(DELIMITERS[0])

    def split_by(self, delimiter: str) -> None:
        """Use another delimiter, for the current record too, which is read again."""
        self._delimiter = delimiter
        self._plain_quotes = _plain_quotes(delimiter)
        self._again.extendleft(reversed(self._lines))
        self._lines.clear()
        self._again_to = 0
        self._restart()

    def _restart(self) -> None:
        self._reader = csv.reader(self._next_lines(), strict=True, delimiter=self._delimiter)

    @property
    def text(self) -> str:
        """Return the text of the current record."""
        return "".join(self._lines)

    def is_utf_8(self) -> bool:
        """Return whether all bytes of the current record are UTF-8."""
        text = "".join(self._lines)
        try:
            return text.isascii() or bool(text.encode())
        except UnicodeEncodeError:  # a byte that is not UTF-8 was decoded to an unpaired surrogate
            return False

    def reason(self, cells: list[str] | str) -> str:
        """Return what is wrong with the current record."""
        if isinstance(cells, str):
            return cells
        if not self.is_utf_8():
            return "the row is not UTF-8"
        return self._wrong_length(cells)

    def _wrong_length(self, cells: list[str]) -> str:
        return f"the row has {plural(len(cells), 'cell')}, the header {len(self.header)}"

    def __iter__(self) -> Iterator[list[str] | str | Pending]:
        lines, pace = self._lines, Pace()
        while True:
            self.first_line += len(lines)
            lines.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._first_line_alone(str(error))
                continue
            if len(lines) > 1 and self.header and len(cells) != len(self.header):
                yield self._first_line_alone(self._wrong_length(cells))
            elif self.first_line <= self._again_to and '"' in self.text and not self._has_plain_quotes():
                yield self._first_line_alone("there is a quote within a cell, after a quote that is never closed")
            elif len(cells) > 1 or not lines[0].isspace():
                yield cells
            elif pace.is_due():
                yield PENDING

    def _has_plain_quotes(self) -> bool:
        return self._plain_quotes.fullmatch(self.text.rstrip("\r\n")) is not None

    def _next_lines(self) -> Iterator[str]:
        """Yield line after line, those to be read again first, and record them as the current record's."""
        lines, again, readline = self._lines, self._again, self._readline
        size = 0
        while True:
            if again:
                line = again.popleft()
            elif line := readline(MAX_RECORD_CHARS + 1):
                self._chars_read += len(line)
            else:
                return
            size = size + len(line) if lines else len(line)
            lines.append(line)
            if size > MAX_RECORD_CHARS:
                if len(lines) == 1:
                    raise InvalidRows(f"line {self.first_line} {TOO_LONG}")
                raise csv.Error(f"it would be larger than {MAX_RECORD_CHARS // 1024**2} MB")
            if len(lines) > _MAX_RECORD_LINES:
                raise csv.Error(f"it would have more than {_MAX_RECORD_LINES:,} lines")
            yield line

    def _first_line_alone(self, error: str) -> str:
        """Keep only the first line in the record, to read the others again; return what is wrong with it."""
        first, *others = self._lines
        last_line = self.first_line + len(others)
        column = self._open_column(first)
        self._again_to = max(self._again_to, last_line)
        self._chars_again += sum(map(len, others))
        if self._chars_again > _MAX_TIMES_AGAIN * (self._chars_read + MAX_RECORD_CHARS):
            raise InvalidRows(
                f"line {self.first_line}: quotes are left open on too many lines to separate the rows"
            )
        del self._lines[1:]
        self._again.extendleft(reversed(others))
        self._restart()
        if column is None:
            return f"the row is not CSV: {error}"
        return (
            f"the row is not CSV: the quote opened in column {column} is never closed (line {last_line}: {error})"
        )

    def _open_column(self, line: str) -> str | None:
        """Return the name of the column whose cell continues after the line, or ``None``."""
        probe = csv.reader([line, '"'], delimiter=self._delimiter)
        position = len(next(probe)) - 1
        if probe.line_num == 1:
            return None
        return printable(self.header[position][:200]) if position < len(self.header) else str(position + 1)
