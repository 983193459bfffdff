"""When a run stops before its end: too many failures, the day's budget, its time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

_SECONDS_OF_A_DAY = 86_400
_MIN_ROWS_FOR_A_FRACTION = 1_000


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
        exact = Decimal(str(self.most))  # as it was written: 0.29 of 100 rows are 29
        return int(exact * (rows if all_rows else max(rows, _MIN_ROWS_FOR_A_FRACTION)))


class DailyBudget:
    """How many requests may be sent in a day of UTC, at whose beginning the service counts anew.

    ``day`` counts from 1970. Without a limit (``None``) requests are counted all the same, for a run that goes on
    with one.
    """

    def __init__(self, requests: int | None, *, day: int = 0, spent: int = 0) -> None:
        if requests is not None and (not isinstance(requests, int) or isinstance(requests, bool) or requests < 1):
            raise ValueError(f"daily_budget must be a whole number of at least 1, got {requests!r}")
        self.requests = requests
        self.day = day
        self.spent = spent

    def left(self, now: float) -> bool:
        """Tell whether another request may be sent at ``now``, in seconds since 1970."""
        day = int(now // _SECONDS_OF_A_DAY)
        if day > self.day:  # a clock that is set back does not bring the budget of a day twice
            self.day, self.spent = day, 0
        return self.requests is None or self.spent < self.requests

    def spend(self) -> None:
        """Note a request that is sent."""
        self.spent += 1
