"""The interface of a source: rows, read lazily, each with its place in the input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Final,
    Literal,
    NamedTuple,
    Protocol,
    TypeAlias,
    runtime_checkable,
)

from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_provider_upstash_vector.client import IndexInfo


# the row's value, its file, and its place in that file: a line number or a description
SourceRow: TypeAlias = tuple[object, "str | None", "int | str | None"]
BeginPage: TypeAlias = Callable[[int, str], object]


class Poll(Enum):
    """What there is instead of a row."""

    PENDING = "no row yet; ask again"
    END = "no more rows"


PENDING: Final = Poll.PENDING
END: Final = Poll.END
Pending = Literal[Poll.PENDING]

# A row has at most 1 MB of data, 48 KB of metadata and two vectors; JSON may take six bytes for one, CSV seven.
MAX_ROW_BYTES: Final = 16 * 1024 * 1024
TOO_LARGE: Final = f"is larger than {MAX_ROW_BYTES // 1024**2} MB, more than a row can have"

# The field of a failures file that describes the failure; a run that reads the file as rows ignores it.
FAILURE_FIELD = "failure"


class InvalidRows(UpstashVectorError, ValueError):
    """``rows`` as a whole cannot be read: no such file, an unknown format, no id column. A retry does not help."""


class SourceBroken(UpstashVectorError):
    """Reading failed after ``rows_read`` rows, for example in a truncated gzip file."""

    def __init__(self, reason: str, rows_read: int = 0) -> None:
        super().__init__(reason, rows_read)
        self.rows_read = rows_read


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not be parsed: its whole text, and the reason."""

    text: str
    reason: str
    field: ClassVar[str] = "row"


class RejectedRow(dict[Any, Any]):
    """A row that is rejected before it is encoded, as one from which no id can be made."""

    def __init__(self, row: Mapping[Any, Any], error: Exception) -> None:
        super().__init__()
        with suppress(Exception):  # a mapping of the row's own
            self.update(row)
        self.field, self.reason = "row", f"cannot be read: it raised {type(error).__name__}"
        if isinstance(error, InvalidRequest):
            self.field, self.reason = error.field, error.reason


class InvalidJson(str):
    """The text of a field that should have been JSON, and why it is not; the row keeps it."""

    __slots__ = ("reason",)
    reason: str

    def __new__(cls, text: str, reason: str) -> Self:
        """Return the text with its reason."""
        self = super().__new__(cls, text)
        self.reason = reason
        return self


@dataclass(frozen=True, slots=True, repr=False)
class InvalidValue:
    """A field that has no Python value, as text that is not UTF-8: what it shows, and the reason."""

    shown: str
    reason: str

    def __repr__(self) -> str:
        return self.shown


class Shard(NamedTuple):
    """Part ``number``, counted from 0, of ``of``."""

    number: int
    of: int

    def has(self, position: int, skip: int) -> bool:
        """Return whether the row at ``position`` is in this part, every n-th row, and after its first ``skip``."""
        place, number = divmod(position, self.of)
        return number == self.number and place >= skip


class Source(Protocol):
    """Rows that can be read, from the start or from a given row.

    ``total`` is the number of rows if it is known without reading; ``fingerprint`` changes when the input does,
    and is ``None`` if unknown. If ``fixed``, it changes with any row. If ``rereadable``, the rows can be read
    twice; if ``blocking``, reading may wait for a network or a program. If not, it never takes long: what passes
    much of the input without a row yields ``PENDING`` in between.
    """

    total: int | None
    fingerprint: str | None
    fixed: bool
    rereadable: bool
    blocking: bool

    def rows(self, skip: int) -> Iterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""

    def fraction(self) -> float | None:
        """Return how much of the input has been read, from 0 to 1, or ``None`` if unknown."""

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return the number of rows after the first ``skip``; ``None`` if that takes too long or is unknown."""


class AsyncSource(Protocol):
    """Rows of an async iterable; see :class:`Source`."""

    total: int | None
    fingerprint: str | None
    fixed: bool
    rereadable: bool

    def rows(self, skip: int) -> AsyncIterator[SourceRow | Pending]:
        """Yield the rows after the first ``skip``."""

    def fraction(self) -> float | None:
        """Return ``None``."""

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return ``None``: counting would use the rows up."""


@runtime_checkable
class PagedSource(AsyncSource, Protocol):
    """Rows of pages that can be read again, but may have changed then, so a run resumes at the start of one.

    ``first_position`` is that of the first page; ``read`` the number of items in the pages read so far, which are
    not all rows.
    """

    first_position: str
    read: int

    @property
    def requests(self) -> int:
        """The requests of this run."""

    def resume_at(self, position: str, begin_page: BeginPage) -> None:
        """Set the page at which reading begins.

        ``begin_page`` is called with the number of the first row of each later page and its position, and with
        those after the last page.
        """

    async def check(self, index: IndexInfo) -> None:
        """Raise ``InvalidRequest`` if the rows cannot be written to ``index``."""


def items_read(source: Source | AsyncSource) -> int | None:
    """Return the number of items that a source of pages has read, ``None`` for others."""
    return source.read if isinstance(source, PagedSource) else None


def read_requests(source: Source | AsyncSource) -> int:
    """Return the number of requests in which a source of pages was read."""
    return source.requests if isinstance(source, PagedSource) else 0


class SizedSource:
    """Rows of a known length in memory; a shard is the contiguous part from ``_first`` to ``_end``."""

    fixed = False
    rereadable = True
    blocking = False

    def __init__(self, length: int, shard: Shard | None) -> None:
        number, of = shard or (0, 1)
        self._first, self._end = length * number // of, length * (number + 1) // of
        self._next = self._first
        self.total: int | None = self._end - self._first

    def fraction(self) -> float | None:
        """Return how much has been read."""
        return (self._next - self._first) / self.total if self.total else None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - takes none
        """Return the number of rows after the first ``skip``."""
        return self._end - self._first - skip


class UnsizedSource:
    """Rows that can be read once."""

    fixed = False
    rereadable = False
    total: int | None = None

    def fraction(self) -> float | None:
        """Return ``None``: the number of rows is unknown."""
        return None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - the protocol's arguments
        """Return ``None``: counting would use the rows up."""
        return None
