"""What a source of rows is: rows one after another with the place each comes from, lazily."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from airflow_provider_upstash_vector.client.errors import UpstashVectorError

if TYPE_CHECKING:
    from typing_extensions import Self


# the row's value, the file it comes from, and where in it: a line number, or words
SourceRow: TypeAlias = tuple[object, "str | None", "int | str | None"]

# What written failures say of themselves; a row that is fed back may carry it, and it is not sent.
FAILURE_FIELD = "failure"


class InvalidRows(UpstashVectorError, ValueError):
    """``rows`` as a whole cannot be read: no such file, an unknown format, no id column. A retry does not help."""


class SourceBroken(UpstashVectorError):
    """The source cannot be read on, as a truncated gzip cannot; ``rows_read`` came first."""

    def __init__(self, reason: str, rows_read: int = 0) -> None:
        super().__init__(reason, rows_read)
        self.rows_read = rows_read


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that could not even be parsed: its whole text, and why."""

    text: str
    reason: str


class InvalidJson(str):
    """The text of a field that should have been JSON, and why it is not; the row keeps it."""

    __slots__ = ("reason",)
    reason: str

    def __new__(cls, text: str, reason: str) -> Self:
        """Return the text with its reason."""
        self = super().__new__(cls, text)
        self.reason = reason
        return self


class Shard(NamedTuple):
    """Part ``number``, counted from 0, of ``of``."""

    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """What the fields of an update are called in the rows."""

    id: str = "id"
    vector: str = "vector"
    sparse_vector: str = "sparse_vector"
    data: str = "data"
    metadata: str = "metadata"
    metadata_update_mode: str = "metadata_update_mode"
    namespace: str = "namespace"

    def __post_init__(self) -> None:
        names = [getattr(self, field.name) for field in fields(self)]
        if not all(isinstance(name, str) and name for name in names):
            raise InvalidRows("field names must be texts that are not empty")
        if FAILURE_FIELD in names:
            raise InvalidRows(f"no field can be named {FAILURE_FIELD!r}: what is written of failures is")
        if len({*names}) != len(names):
            raise InvalidRows(f"two fields have the same name among {', '.join(names)}")

    def by_name(self) -> dict[str, str]:
        """Return the update's field for each name in a row, the service's own spelling included."""
        own = {getattr(self, field.name): field.name for field in fields(self)}
        return {"sparseVector": "sparse_vector", "metadataUpdateMode": "metadata_update_mode", **own}


class Source(Protocol):
    """Rows that can be read, from the start or from a row on.

    ``total`` is the number of rows where it is known without reading; ``fingerprint`` changes when the input does,
    and is ``None`` where nothing can be told; ``fixed`` says that so it does for any change of a row, and
    ``rereadable`` that the rows can be read twice. ``blocking`` says that reading may wait for a network or a
    program.
    """

    total: int | None
    fingerprint: str | None
    fixed: bool
    rereadable: bool
    blocking: bool

    def rows(self, skip: int) -> Iterator[SourceRow]:
        """Yield the rows after the first ``skip``."""

    def fraction(self) -> float | None:
        """Return how much of the input has been read, from 0 to 1, or ``None`` where that cannot be told."""

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return the number of rows after the first ``skip``; ``None`` where that cannot be told in time."""


class AsyncSource(Protocol):
    """Rows of an async iterable; see :class:`Source`."""

    total: int | None
    fingerprint: str | None
    fixed: bool
    rereadable: bool

    def rows(self, skip: int) -> AsyncIterator[SourceRow]:
        """Yield the rows after the first ``skip``."""

    def fraction(self) -> float | None:
        """Return ``None``."""

    def count_from(self, skip: int, seconds: float) -> int | None:
        """Return ``None``: counting would use the rows up."""


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
        """Return ``None``: nobody knows how many will come."""
        return None

    def count_from(self, skip: int, seconds: float) -> int | None:  # noqa: ARG002 - the protocol's arguments
        """Return ``None``: counting would use the rows up."""
        return None
