"""Skips rows without parsing them, and says when reading without a row has taken long enough."""

from __future__ import annotations

import sys
import time
from typing import Final

# Between two chances for the other tasks of an event loop.
_SLICE_SECONDS = 0.02
ALL_ROWS: Final = sys.maxsize


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


class Pace:
    """When a source that finds no row lets others run."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _SLICE_SECONDS

    def is_due(self) -> bool:
        """Return whether the time is up, which starts again if so."""
        now = time.monotonic()
        if now < self._until:
            return False
        self._until = now + _SLICE_SECONDS
        return True
