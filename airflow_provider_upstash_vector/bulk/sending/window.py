"""Which row may be sent next: rows of one vector stay in order and are never in flight together. Pure.

A row's key, its namespace and id, is taken from the time it is offered to the time it is settled, with or without
an outcome. Later rows with that key wait behind it. Rows that failed in an outage wait aside, and are sent before
the end of it only if no others can be read. Both are limited in rows and bytes: rows sorted by id must not keep
others from being read.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

MAX_WAITING_ROWS = 16_384
MAX_WAITING_BYTES = 64 * 1024 * 1024


class Keyed(Protocol):
    """A row with a key, its number in the input, and what is sent for it."""

    key: tuple[str, str]
    number: int
    body: bytes


Row = TypeVar("Row", bound=Keyed)


class Window(Generic[Row]):
    """Rows between reading and settling.

    ``max_lead`` limits how far the row read last may be ahead of the first one that is not completed, and so
    how many outcomes are kept in memory.
    """

    def __init__(
        self,
        max_lead: int,
        *,
        max_waiting_rows: int = MAX_WAITING_ROWS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self._max_lead = max_lead
        self._max_waiting_rows = max_waiting_rows
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting_bytes = 0
        self._ready: deque[Row] = deque()
        self._aside: deque[Row] = deque()
        self._behind: dict[tuple[str, str], deque[Row] | None] = {}
        self._waiting = 0
        self.in_flight = 0

    @property
    def unsettled(self) -> int:
        """Rows offered and not settled."""
        return len(self._behind) + self._waiting - len(self._aside)

    @property
    def has_ready(self) -> bool:
        """Whether a row may be sent."""
        return bool(self._ready or self._aside)

    def waits_for(self, watermark: int, next_number: int) -> bool:
        """Return whether no row is read until the row ``watermark`` is completed."""
        return next_number >= watermark + self._max_lead

    @property
    def only_aside(self) -> bool:
        """Whether every row that may be sent has been put aside."""
        return bool(self._aside) and not self._ready

    def has_room(self, next_number: int, watermark: int) -> bool:
        """Return whether the row ``next_number`` may be read while all rows below ``watermark`` are completed."""
        return (
            not self._ready
            and self._waiting < self._max_waiting_rows
            and self._waiting_bytes < self._max_waiting_bytes
            and next_number < watermark + self._max_lead  # not a call of waits_for: it is asked for every row
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
        self._count_waiting(row, 1)

    def _count_waiting(self, row: Row, change: int) -> None:
        self._waiting += change
        self._waiting_bytes += change * len(row.body)

    def take(self) -> Row | None:
        """Return a row to send now, or ``None`` if none is ready."""
        if self._ready:
            self.in_flight += 1
            return self._ready.popleft()
        if self._aside:
            self.in_flight += 1
            row = self._aside.popleft()
            self._count_waiting(row, -1)
            return row
        return None

    def put_back(self, row: Row) -> None:
        """Return a row in flight that is to be sent again, before all others."""
        self.in_flight -= 1
        self._ready.appendleft(row)

    def put_aside(self, row: Row) -> None:
        """Return a row in flight that is to be sent again, after all others, until :meth:`restore`."""
        self.in_flight -= 1
        self._aside.append(row)
        self._count_waiting(row, 1)

    def restore(self) -> None:
        """Let the rows put aside be sent before all others."""
        while self._aside:
            row = self._aside.pop()
            self._count_waiting(row, -1)
            self._ready.appendleft(row)

    def settle(self, row: Row) -> bool:
        """Remove a row in flight; return whether one behind it has become ready."""
        self.in_flight -= 1
        rows = self._behind[row.key]
        if not rows:
            del self._behind[row.key]
            return False
        following = rows.popleft()
        self._count_waiting(following, -1)
        self._ready.append(following)
        return True

    def drain(self) -> list[Row]:
        """Remove the rows that are not in flight and return them; they will not be sent."""
        rows = [*self._ready, *self._aside, *(row for behind in self._behind.values() for row in behind or ())]
        self._behind = dict.fromkeys(self._behind.keys() - {row.key for row in [*self._ready, *self._aside]})
        self._ready.clear()
        self._aside.clear()
        self._waiting = self._waiting_bytes = 0
        return rows
