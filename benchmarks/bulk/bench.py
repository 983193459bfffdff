"""What the parts of the benchmark share."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.bulk.results import Results
from benchmarks.bulk.sinks import Sinks

_QUICK_DIVISOR = 100


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The settings of a benchmark: sinks, rounds, and the results to add to."""

    sinks: Sinks
    rounds: int
    quick: bool
    results: Results

    def rows(self, count: int) -> int:
        """Return ``count``, or less for a quick benchmark."""
        return max(count // _QUICK_DIVISOR, 40) if self.quick else count
