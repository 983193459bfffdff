"""Limits of a run: failures, and requests per day. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_SECONDS_OF_A_DAY = 86_400
_MIN_ROWS_FOR_A_FRACTION = 1_000


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """At most ``max_failures``: a count, or a fraction of all rows (a float from 0 to 1)."""

    max_failures: int | float

    def __post_init__(self) -> None:
        limit = self.max_failures
        valid = isinstance(limit, int | float) and not isinstance(limit, bool) and limit >= 0
        if not valid or (isinstance(limit, float) and limit > 1):
            raise ValueError(f"max_failures must be a count, or a fraction from 0.0 to 1.0, got {limit!r}")

    def allowed(self, rows: int, *, all_rows: bool) -> int:
        """Return how many failures are allowed.

        ``rows`` counts all rows, or, without ``all_rows``, those read so far: a fraction then applies to at
        least 1,000 rows.
        """
        if isinstance(self.max_failures, int):
            return self.max_failures
        exact = Decimal(str(self.max_failures))  # as it was written: 0.29 of 100 rows are 29
        return int(exact * (rows if all_rows else max(rows, _MIN_ROWS_FOR_A_FRACTION)))


class DailyBudget:
    """The number of requests that may be sent per day of UTC, as the service counts them.

    ``day`` counts from 1970. Requests are counted even without a limit (``None``): a later run may have one.
    """

    def __init__(self, requests: int | None, *, day: int = 0, spent: int = 0) -> None:
        if requests is not None and (not isinstance(requests, int) or isinstance(requests, bool) or requests < 1):
            raise ValueError(f"daily_budget must be a whole number of at least 1, got {requests!r}")
        self.requests = requests
        self.day = day
        self.spent = spent

    def left(self, now: float) -> bool:
        """Return whether another request may be sent at ``now``, in seconds since 1970."""
        day = int(now // _SECONDS_OF_A_DAY)
        if day > self.day:  # a clock that is set back does not reset the budget
            self.day, self.spent = day, 0
        return self.requests is None or self.spent < self.requests

    def spend(self) -> None:
        """Count a request that is sent."""
        self.spent += 1
