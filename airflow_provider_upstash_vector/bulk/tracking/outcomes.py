"""What became of every row: counts, and the watermark below which all rows are settled. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import IntEnum


class Outcome(IntEnum):
    """What a settled row ended in; 0 stands for none."""

    UPDATED = 1
    MISSING = 2
    REJECTED = 3
    FAILED = 4


class OutcomeTracker:
    """Settled rows by number, counted from 0.

    Below ``watermark`` every row is settled; of those above, ``above`` holds the outcomes.
    """

    def __init__(
        self, watermark: int = 0, below: Iterable[int] = (0, 0, 0, 0), above: dict[int, Outcome] | None = None
    ) -> None:
        self.watermark = watermark
        self.above = dict(above or {})
        self._below = [0, *below]
        if len(self._below) != 1 + len(Outcome) or min(self._below) < 0 or sum(self._below) != watermark:
            raise ValueError(f"outcomes {self._below[1:]} of {watermark} rows")
        if self.above and min(self.above) < watermark:
            raise ValueError(f"row {min(self.above)} is settled already")
        self._advance()

    def settle(self, number: int, outcome: Outcome) -> None:
        """Note the outcome of a row."""
        if number == self.watermark and not self.above:
            self.watermark = number + 1
            self._below[outcome] += 1
            return
        if number < self.watermark or number in self.above:
            raise ValueError(f"row {number} is settled already")
        self.above[number] = outcome
        if number == self.watermark:
            self._advance()

    def _advance(self) -> None:
        above, watermark = self.above, self.watermark
        while (outcome := above.pop(watermark, None)) is not None:
            self._below[outcome] += 1
            watermark += 1
        self.watermark = watermark

    def is_settled(self, number: int) -> bool:
        """Tell whether a row is settled."""
        return number < self.watermark or number in self.above

    @property
    def end(self) -> int:
        """The number after that of the last settled row."""
        return max(self.above, default=self.watermark - 1) + 1

    @property
    def below(self) -> tuple[int, ...]:
        """How many of the rows below the watermark ended in each outcome."""
        return tuple(self._below[1:])

    def counts(self) -> dict[Outcome, int]:
        """Return how many rows ended in each outcome."""
        above = Counter(self.above.values())
        return {outcome: self._below[outcome] + above[outcome] for outcome in Outcome}
