"""Rows that are sent in one request, and the parts of a batch that was refused. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

# So many rows refused alone, for one reason, show that the others of their batch would be too.
MAX_REFUSED_ALIKE = 10


class Keyed(Protocol):
    """A row with a key, its number in the input, the path it is sent to, and its part of the body."""

    key: tuple[str, str]
    number: int
    path: str
    fragment: bytes


Row = TypeVar("Row", bound=Keyed)


class Split:
    """A batch that was refused, and is sent in parts, one after another; ``waiting`` has those that follow."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self._refusal: tuple[int, str] | None = None
        self._alike = 0

    def accepted(self) -> None:
        """Record a part that was accepted."""
        self._alike = -1

    def refused_alone(self, status: int, message: str) -> bool:
        """Record a single row that was refused; return whether the rest need not be sent."""
        if self._alike < 0 or self._refusal not in {None, (status, message)}:
            self._alike = -1
            return False
        self._refusal = status, message
        self._alike += 1
        return self._alike >= MAX_REFUSED_ALIKE


class Batch(Generic[Row]):
    """Rows of one path that are sent in one request; ``split`` is set for a part of one that was refused."""

    __slots__ = ("rows", "size", "split")

    def __init__(self, rows: list[Row], split: Split | None = None) -> None:
        self.rows = rows
        self.size = len(rows[0].fragment) if len(rows) == 1 else sum(len(row.fragment) for row in rows)
        self.split = split

    def part(self, rows: list[Row]) -> Self:
        """Return a batch of some of these rows."""
        return type(self)(rows, self.split)
