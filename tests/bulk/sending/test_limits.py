from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, RowLimit

DAY = 86_400


def limit_of(value: Any) -> RowLimit:
    return RowLimit("max_failures", value)


@pytest.mark.parametrize(
    ("limit", "rows", "allowed"),
    [
        (0, 5_000, 0),
        (1, 5_000, 1),
        (7, 5, 7),
        (np.int64(7), 5, 7),
        ("5", 5_000, 5),
        (" 0 ", 5_000, 0),
        ("0%", 5_000, 0),
        ("100%", 5_000, 5_000),
        ("100.0 %", 5_000, 5_000),
        ("50%", 3, 1),
        ("29%", 100, 29),
        ("7%", 290_000_000, 20_300_000),
        ("10%", 9, 0),
        ("0.5%", 1_000, 5),
    ],
)
def test_rows_allowed_among_all_rows(limit: Any, rows: int, allowed: int) -> None:
    assert limit_of(limit).allowed(rows, all_rows=True) == allowed


@pytest.mark.parametrize(
    ("limit", "rows", "allowed"), [("1%", 0, 10), ("1%", 999, 10), ("1%", 2_000, 20), (3, 0, 3), ("3", 0, 3)]
)
def test_a_share_of_few_rows_is_taken_of_a_thousand(limit: Any, rows: int, allowed: int) -> None:
    assert limit_of(limit).allowed(rows, all_rows=False) == allowed


@given(st.decimals(0, 100, places=4), st.integers(0, 10**12))
def test_a_share_is_rounded_down_exactly(percent: Decimal, rows: int) -> None:
    assert limit_of(f"{percent:f}%").allowed(rows, all_rows=True) == math.floor(Fraction(percent) * rows / 100)


@pytest.mark.parametrize(
    "limit", [-1, "-1", -0.5, 1.5, math.nan, math.inf, True, False, "3.5", "101%", "%", "", "1e2", "٣", None, [1]]
)
def test_invalid_limits_are_named(limit: Any) -> None:
    with pytest.raises(ValueError, match=r"max_failures must be a whole number .*, got ") as caught:
        limit_of(limit)
    assert "; write" not in str(caught.value)


@pytest.mark.parametrize(
    ("limit", "spelling"),
    [
        (0.01, '"1%"'),
        (0.015, '"1.5%"'),
        (np.float64(0.07), '"7%"'),
        (1e-7, '"0.00001%"'),
        (0.0, '"0%"'),
        ("0.01", '"1%"'),
        (1.0, '1 for one row, or "100%" for all'),
    ],
)
def test_a_share_that_is_a_float_is_refused_with_its_spelling(limit: Any, spelling: str) -> None:
    with pytest.raises(ValueError, match=f"got .*; write {spelling}$"):
        limit_of(limit)


@pytest.mark.parametrize("requests", [0, -5, True, 1.5, math.nan, "10", [1]])
def test_invalid_budgets_are_named(requests: Any) -> None:
    with pytest.raises(ValueError, match="daily_budget must be a whole number of at least 1, got "):
        DailyBudget(requests)


MAX_ROWS = 9  # of a request


class BudgetMachine(RuleBasedStateMachine):
    @initialize(rows=st.integers(1, 30), now=st.integers(0, 4 * 10**9), block=st.none() | st.integers(1, 3))
    def begin(self, rows: int, now: int, block: int | None) -> None:
        self.rows, self.now, self.block = rows, float(now), block
        self.budget = DailyBudget(rows, block=block)
        self.sent: dict[int, int] = {}
        self.lost: dict[int, int] = {}
        self.recorded = (0, 0)

    @rule(seconds=st.floats(0, 2 * DAY))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def midnight_comes(self) -> None:
        self.now = (self.now // DAY + 1) * DAY

    @rule(rows=st.integers(1, MAX_ROWS))
    def record(self, rows: int) -> None:
        recorded = self.budget.to_reserve(rows)
        if recorded is not None:
            self.recorded = (self.budget.day, recorded)
            self.budget.reserve(*self.recorded)

    @rule(rows=st.integers(1, MAX_ROWS))
    def send(self, rows: int) -> None:
        """Send as many of the rows as the engine does."""
        day = int(self.now // DAY)
        left = self.budget.left(self.now)
        sent = self.sent.get(day, 0)
        assert left == self.rows - sent - self.lost.get(day, 0) >= 0
        rows = min(rows, left)
        self.record(rows)
        reserved = self.budget.reserved
        assert reserved >= rows
        rows = min(rows, reserved)
        assert self.block is None or not rows or self.recorded >= (day, sent + rows)
        self.budget.spend(rows)
        self.sent[day] = sent + rows

    @rule()
    def resume_after_a_clean_end(self) -> None:
        self.budget = DailyBudget(self.rows, day=self.budget.day, spent=self.budget.spent, block=self.block)
        self.recorded = (self.budget.day, self.budget.spent)

    @rule()
    def resume_after_a_kill(self) -> None:
        if self.block is None:
            return
        day, rows = self.recorded
        lost = rows - self.sent.get(day, 0)
        assert lost - self.lost.get(day, 0) <= max(2 * self.block, MAX_ROWS)
        self.lost[day] = lost
        self.budget = DailyBudget(self.rows, day=day, spent=rows, block=self.block)


TestBudget = BudgetMachine.TestCase


def test_a_clock_that_is_set_back_does_not_reset_the_budget() -> None:
    budget = DailyBudget(1)
    assert budget.left(10.0 * DAY + 1)
    budget.spend()
    assert not budget.left(10.0 * DAY - 1)
    assert not budget.left(10.0 * DAY + 2)
    assert budget.left(11.0 * DAY)


def test_requests_without_a_budget_count_for_a_run_that_resumes_with_one() -> None:
    unlimited = DailyBudget(None)
    for _ in range(3):
        assert unlimited.left(5.0 * DAY)
        unlimited.spend()
    limited = DailyBudget(3, day=unlimited.day, spent=unlimited.spent)
    assert not limited.left(5.5 * DAY)
    assert limited.left(6.0 * DAY)
