"""Rows that are passed over without being parsed: those settled before, or all where they are counted."""

from __future__ import annotations

import time
from collections.abc import Callable

_CHECK_EVERY_ROWS = 4096


class Skip:
    """Passes over the first ``rows`` rows, of however many files."""

    def __init__(self, rows: int) -> None:
        self.passed = 0
        self._rows = rows

    def passes(self) -> bool:
        """Tell whether the next row is passed over, and count it."""
        if self.passed < self._rows:
            self.passed += 1
            return True
        return False


class CountingTooLong(Exception):
    """Counting has taken longer than it may."""


class Counter(Skip):
    """Passes over all rows, for at most so many seconds; then raises :class:`CountingTooLong`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(0)
        self._clock = clock
        self._end = clock() + seconds

    def passes(self) -> bool:
        """Count the next row."""
        self.passed += 1
        if self.passed % _CHECK_EVERY_ROWS == 0 and self._clock() > self._end:
            raise CountingTooLong
        return True
