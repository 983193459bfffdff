"""Limits of a run: failures, and rows per day. Pure."""

from __future__ import annotations

import math
import re
import sys
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
    """The number of rows that may be sent per day of UTC, as the service counts them.

    ``day`` counts from 1970. With ``block`` a row is only sent when it is reserved: recorded where the next
    run finds it, a block at a time. A run that is killed has at most two blocks, or the rows of one request,
    recorded and not sent.
    """

    def __init__(self, rows: int | None, *, day: int = 0, spent: int = 0, block: int | None = None) -> None:
        if rows is not None and (not isinstance(rows, int) or isinstance(rows, bool) or rows < 1):
            raise ValueError(f"daily_budget must be a whole number of at least 1, got {rows!r}")
        self.rows = rows
        self.day = day
        self.spent = spent
        self._block = block
        self._reserved = spent

    def left(self, now: float) -> int:
        """Return how many rows may still be sent at ``now``, in seconds since 1970."""
        day = int(now // _SECONDS_OF_A_DAY)
        if not self.day - 1 <= day <= self.day:  # a clock that is set back a little does not reset the budget
            self.day, self.spent, self._reserved = day, 0, 0
        return sys.maxsize if self.rows is None else max(0, self.rows - self.spent)

    @property
    def reserved(self) -> int:
        """How many rows may be sent now."""
        return sys.maxsize if self._block is None else max(0, self._reserved - self.spent)

    def to_reserve(self, rows: int = 1) -> int | None:
        """Return the rows of the day to record, those sent included; ``None`` if enough for ``rows`` are."""
        if self._block is None or self.reserved >= max(self._block, rows):
            return None
        target = self.spent + max(rows, 2 * self._block)
        target = target if self.rows is None else min(target, self.rows)
        return target if target > self._reserved else None

    def reserve(self, day: int, rows: int, others: int = 0) -> None:
        """Take note that ``rows`` of ``day`` have been recorded, beside those of ``others``."""
        if day == self.day:
            self.spent += others
            self._reserved = rows + others

    def spend(self, rows: int = 1) -> None:
        """Count rows that are sent."""
        self.spent += rows


def block_size(rows: int | None, rate: float | None) -> int:
    """Return how many rows to reserve at once: half a percent of the budget, half a second of the rate."""
    shares = (
        _MAX_BLOCK,
        _MAX_BLOCK if rows is None else rows // 200,
        _MAX_BLOCK if rate is None else int(rate / 2),
    )
    return max(1, min(shares))
