"""When a run stops before its end: too many failures, the day's budget, its time. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone

_LEAST_ROWS_FOR_A_FRACTION = 1_000


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """``most`` failures, as a count, or as a fraction of all rows (a float from 0 to 1)."""

    most: int | float

    def __post_init__(self) -> None:
        valid = isinstance(self.most, int | float) and not isinstance(self.most, bool) and self.most >= 0
        if not valid or (isinstance(self.most, float) and self.most > 1):
            raise ValueError(f"max_failures must be a count, or a fraction from 0.0 to 1.0, got {self.most!r}")

    def allowed(self, rows: int, *, all_rows: bool) -> int:
        """Return how many failures are allowed.

        ``rows`` is the number of ``all_rows``, or else of those read so far: a fraction is then one of at least
        1,000.
        """
        if isinstance(self.most, int):
            return self.most
        return math.floor(self.most * (rows if all_rows else max(rows, _LEAST_ROWS_FOR_A_FRACTION)) + 1e-9)


class DailyBudget:
    """How many requests may be sent in a day of UTC, at whose beginning the service counts anew."""

    def __init__(self, requests: int | None, *, day: str = "", spent: int = 0) -> None:
        if requests is not None and (isinstance(requests, bool) or requests < 1):
            raise ValueError(f"daily_budget must be at least 1, got {requests!r}")
        self.requests = requests
        self.day = day
        self.spent = spent

    def left(self, now: float) -> bool:
        """Tell whether another request may be sent at ``now``, in seconds since 1970."""
        if self.requests is None:
            return True
        day = datetime.fromtimestamp(now, tz=timezone.utc).date().isoformat()
        if day != self.day:
            self.day, self.spent = day, 0
        return self.spent < self.requests

    def spend(self) -> None:
        """Note a request that is sent."""
        self.spent += 1
