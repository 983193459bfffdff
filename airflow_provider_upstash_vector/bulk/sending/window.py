"""Which row may be sent next: rows of one vector stay in order and are never in flight together. Pure.

A row's key, its namespace and id, is taken from the time it is offered to the time it is settled, with or without
an outcome. Later rows with that key wait behind it, at most as many as the window has slots.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar


class Keyed(Protocol):
    """A row with a key, and its number in the input."""

    key: tuple[str, str]
    number: int


Row = TypeVar("Row", bound=Keyed)


class Window(Generic[Row]):
    """Rows between reading and settling.

    ``max_lead`` limits how far the row read last may be ahead of the first one that is not completed, and so
    how many outcomes are kept in memory.
    """

    def __init__(self, slots: int, max_lead: int) -> None:
        self._max_waiting_rows = slots
        self._max_lead = max_lead
        self._ready: deque[Row] = deque()
        self._behind: dict[tuple[str, str], deque[Row] | None] = {}
        self._waiting = 0
        self.in_flight = 0

    @property
    def unsettled(self) -> int:
        """Rows offered and not settled."""
        return len(self._behind) + self._waiting

    @property
    def has_ready(self) -> bool:
        """Whether a row may be sent."""
        return bool(self._ready)

    def has_room(self, next_number: int, watermark: int) -> bool:
        """Return whether the row ``next_number`` may be read while all rows below ``watermark`` are completed."""
        return (
            not self._ready and self._waiting < self._max_waiting_rows and next_number < watermark + self._max_lead
        )

    def offer(self, row: Row) -> None:
        """Add a row; rows come in source order."""
        key = row.key
        if key not in self._behind:
            self._behind[key] = None
            self._ready.append(row)
            return
        rows = self._behind[key]
        if rows is None:
            rows = self._behind[key] = deque()
        rows.append(row)
        self._waiting += 1

    def take(self) -> Row | None:
        """Return a row to send now, or ``None`` if none is ready."""
        if not self._ready:
            return None
        self.in_flight += 1
        return self._ready.popleft()

    def put_back(self, row: Row) -> None:
        """Return a row in flight that is to be sent again; it comes before all others."""
        self.in_flight -= 1
        self._ready.appendleft(row)

    def settle(self, row: Row) -> bool:
        """Remove a row in flight; return whether one behind it has become ready."""
        self.in_flight -= 1
        rows = self._behind[row.key]
        if not rows:
            del self._behind[row.key]
            return False
        self._waiting -= 1
        self._ready.append(rows.popleft())
        return True

    def drain(self) -> list[Row]:
        """Remove the rows that are not in flight and return them; they will not be sent."""
        rows = [*self._ready, *(row for behind in self._behind.values() for row in behind or ())]
        self._behind = dict.fromkeys(self._behind.keys() - {row.key for row in self._ready})
        self._ready.clear()
        self._waiting = 0
        return rows
