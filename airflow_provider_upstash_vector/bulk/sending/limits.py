"""Limits of a run: failures, and requests per day. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Integral

_SECONDS_OF_A_DAY = 86_400
_MIN_ROWS_FOR_A_SHARE = 1_000
_ALL_PERCENT = 100
_COUNT = re.compile(r"[0-9]{1,18}")
_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,18})?)\s*%")
_MAX_BLOCK = 500


@dataclass(frozen=True, slots=True)
class RowLimit:
    """At most so many rows: a count, or a text such as ``"1%"``, which is a share of all rows.

    A text of digits, as a template renders one, is a count. ``option`` names the limit in the ``ValueError`` for
    any other value.
    """

    option: str
    value: int | str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", self._parsed(self.value))

    def _parsed(self, value: object) -> int | str:
        """Return a count, or a share without spaces."""
        if isinstance(value, str):
            text = value.strip()
            if _COUNT.fullmatch(text):
                return int(text)
            share = _SHARE.fullmatch(text)
            if share and Fraction(share[1]) <= _ALL_PERCENT:
                return f"{share[1]}%"
        elif isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
            return int(value)
        expected = 'a whole number of rows, or a share of them such as "1%"'
        raise ValueError(f"{self.option} must be {expected}, got {value!r}{_instead(value)}")

    def allowed(self, rows: int, *, all_rows: bool) -> int:
        """Return how many rows are allowed.

        ``rows`` counts all rows, or, without ``all_rows``, those read so far: a share then applies to at least
        1,000 rows.
        """
        if isinstance(self.value, int):
            return self.value
        share = Fraction(self.value.removesuffix("%")) / _ALL_PERCENT
        return int(share * (rows if all_rows else max(rows, _MIN_ROWS_FOR_A_SHARE)))


def _instead(value: object) -> str:
    """Return how to write a share that is given as a float, or as the text of one."""
    try:
        share = float(value) if isinstance(value, float | str) else math.nan
    except ValueError:
        return ""
    if not 0 <= share <= 1:
        return ""
    percent = f'"{(Decimal(str(share)) * _ALL_PERCENT).normalize():f}%"'  # as it was written: 0.29 is 29 %
    return f"; write {percent}" if share < 1 else f"; write 1 for one row, or {percent} for all"


class DailyBudget:
    """The number of requests that may be sent per day of UTC, as the service counts them.

    ``day`` counts from 1970. With ``block`` a request is only sent when it is reserved: recorded where the next
    run finds it, a block at a time. A run that is killed has at most two blocks recorded and not sent.
    """

    def __init__(self, requests: int | None, *, day: int = 0, spent: int = 0, block: int | None = None) -> None:
        if requests is not None and (not isinstance(requests, int) or isinstance(requests, bool) or requests < 1):
            raise ValueError(f"daily_budget must be a whole number of at least 1, got {requests!r}")
        self.requests = requests
        self.day = day
        self.spent = spent
        self._block = block
        self._reserved = spent

    def left(self, now: float) -> bool:
        """Return whether another request may be sent at ``now``, in seconds since 1970."""
        day = int(now // _SECONDS_OF_A_DAY)
        if not self.day - 1 <= day <= self.day:  # a clock that is set back a little does not reset the budget
            self.day, self.spent, self._reserved = day, 0, 0
        return self.requests is None or self.spent < self.requests

    @property
    def reserved(self) -> bool:
        """Whether the next request may be sent now."""
        return self._block is None or self.spent < self._reserved

    def to_reserve(self) -> int | None:
        """Return the requests of the day to record, those sent included; ``None`` if enough are reserved."""
        if self._block is None or self._reserved - self.spent >= self._block:
            return None
        target = self.spent + 2 * self._block
        target = target if self.requests is None else min(target, self.requests)
        return target if target > self._reserved else None

    def reserve(self, day: int, requests: int, others: int = 0) -> None:
        """Take note that ``requests`` of ``day`` have been recorded, beside those of ``others``."""
        if day == self.day:
            self.spent += others
            self._reserved = requests + others

    def spend(self) -> None:
        """Count a request that is sent."""
        self.spent += 1


def block_size(requests: int | None, rate: float | None) -> int:
    """Return how many requests to reserve at once: half a percent of the budget, half a second of the rate."""
    shares = (
        _MAX_BLOCK,
        _MAX_BLOCK if requests is None else requests // 200,
        _MAX_BLOCK if rate is None else int(rate / 2),
    )
    return max(1, min(shares))
