"""Skips rows without parsing them: those completed before, or all of them, to count the rows."""

from __future__ import annotations

import time
from collections.abc import Callable

_CHECK_EVERY_ROWS = 256


class RowCursor:
    """Skips the first ``rows`` rows, over all files; ``passed`` is the number skipped so far."""

    def __init__(self, rows: int) -> None:
        self.passed = 0
        self._rows = rows

    def passes(self) -> bool:
        """Return whether the next row is skipped, and count it if so."""
        if self.passed < self._rows:
            self.passed += 1
            return True
        return False

    def passes_of(self, rows: int) -> int:
        """Return how many of the next ``rows`` rows are skipped, and count those."""
        passed = min(rows, self._rows - self.passed)
        self.passed += passed
        return passed


class CountingTooLong(Exception):
    """Counting took longer than allowed."""


class RowCounter(RowCursor):
    """Skips and counts all rows; raises :class:`CountingTooLong` after ``seconds``."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(0)
        self._clock = clock
        self._end = clock() + seconds
        self._check_at = _CHECK_EVERY_ROWS

    def passes(self) -> bool:
        """Count the next row."""
        self.passes_of(1)
        return True

    def passes_of(self, rows: int) -> int:
        """Count the next rows."""
        self.passed += rows
        if self.passed >= self._check_at:
            self._check_at = self.passed + _CHECK_EVERY_ROWS
            if self._clock() > self._end:
                raise CountingTooLong
        return rows
