"""The outcome of every row: counts, and the watermark below which all rows are completed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum


class Outcome(IntEnum):
    """Outcome of a completed row; 0 means none."""

    DONE = 1
    MISSING = 2
    REJECTED = 3
    FAILED = 4


class OutcomeTracker:
    """Completed rows by number, counted from 0.

    Every row below ``watermark`` is completed; ``outcomes_above_watermark`` holds the completed rows above it.
    """

    def __init__(
        self,
        watermark: int = 0,
        counts_below_watermark: Iterable[int] = (0, 0, 0, 0),
        outcomes_above_watermark: dict[int, Outcome] | None = None,
    ) -> None:
        self.watermark = watermark
        self.outcomes_above_watermark = dict(outcomes_above_watermark or {})
        self._counts = [0, *counts_below_watermark]
        if len(self._counts) != 1 + len(Outcome) or min(self._counts) < 0 or sum(self._counts) != watermark:
            raise ValueError(f"the counts {self._counts[1:]} do not add up to {watermark} rows")
        lowest = min(self.outcomes_above_watermark, default=watermark)
        if lowest < watermark:
            raise ValueError(f"row {lowest} is already completed")
        self._advance()

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of a row. Raises ``ValueError`` if it has one."""
        if number == self.watermark and not self.outcomes_above_watermark:
            self.watermark = number + 1
            self._counts[outcome] += 1
            return
        if self.is_settled(number):
            raise ValueError(f"row {number} is already completed")
        self.outcomes_above_watermark[number] = outcome
        if number == self.watermark:
            self._advance()

    def _advance(self) -> None:
        above, watermark = self.outcomes_above_watermark, self.watermark
        while (outcome := above.pop(watermark, None)) is not None:
            self._counts[outcome] += 1
            watermark += 1
        self.watermark = watermark

    def is_settled(self, number: int) -> bool:
        """Return whether a row is completed."""
        return number < self.watermark or number in self.outcomes_above_watermark

    @property
    def end(self) -> int:
        """The number after that of the last completed row."""
        return max(self.outcomes_above_watermark, default=self.watermark - 1) + 1

    @property
    def counts_below_watermark(self) -> tuple[int, ...]:
        """The number of rows below the watermark with each outcome."""
        return tuple(self._counts[1:])

    def counts(self) -> dict[Outcome, int]:
        """Return the number of completed rows with each outcome."""
        above = Counter(self.outcomes_above_watermark.values())
        return {outcome: self._counts[outcome] + above[outcome] for outcome in Outcome}
