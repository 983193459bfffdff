"""The outcomes of rows that are read in pages, of which a later run can resume only at the start of one. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker


class PageTracker(OutcomeTracker):
    """A tracker whose watermark is the first row of a page: all rows of the pages before are completed.

    ``position`` is where that page is read again.
    """

    def __init__(self, watermark: int, counts_below_watermark: Iterable[int], position: str) -> None:
        self.position = position
        self._starts: deque[tuple[int, str]] = deque()
        self._completed = watermark  # rows below are, of the page that began last too
        super().__init__(watermark, counts_below_watermark)

    def begin_page(self, number: int, position: str) -> None:
        """Record that row ``number``, not read yet, is the first one of the page at ``position``."""
        if self._starts and self._starts[-1][0] == number:
            self._starts.pop()  # no row of that page was left
        self._starts.append((number, position))
        self._advance()

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the outcome of a row. Raises ``ValueError`` if it has one."""
        if self.is_settled(number):
            raise ValueError(f"row {number} is already completed")
        self.outcomes_above_watermark[number] = outcome
        if number == self._completed:
            self._advance()

    def _advance(self) -> None:
        above = self.outcomes_above_watermark
        while self._completed in above:
            self._completed += 1
        while self._starts and self._starts[0][0] <= self._completed:
            first, self.position = self._starts.popleft()
            for number in range(self.watermark, first):
                self._counts[above.pop(number)] += 1
            self.watermark = first
