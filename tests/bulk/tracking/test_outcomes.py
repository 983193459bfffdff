from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker

outcomes = st.lists(st.sampled_from(Outcome), max_size=60)


@given(outcomes, st.randoms(use_true_random=False), st.integers(0, 60))
def test_any_order_of_settling_gives_the_same_counts_and_watermark(
    rows: list[Outcome], order: Any, cut: int
) -> None:
    shuffled = [*enumerate(rows)]
    order.shuffle(shuffled)
    settled = shuffled[:cut]
    tracker, sorted_ledger = OutcomeTracker(), OutcomeTracker()
    for number, outcome in settled:
        tracker.settle(number, outcome)
    for number, outcome in sorted(settled):
        sorted_ledger.settle(number, outcome)
    for one in (tracker, sorted_ledger):
        numbers = {number for number, _ in settled}
        assert one.watermark == next(number for number in range(len(rows) + 1) if number not in numbers)
        assert one.outcomes_above_watermark == {
            number: outcome for number, outcome in settled if number >= one.watermark
        }
        assert one.counts() == {outcome: sum(other == outcome for _, other in settled) for outcome in Outcome}
        assert all(one.is_settled(number) == (number in numbers) for number in range(len(rows) + 1))
        assert sum(one.counts_below_watermark) == one.watermark


@given(outcomes, st.randoms(use_true_random=False), st.integers(0, 60))
def test_a_tracker_resumes_from_its_state(rows: list[Outcome], order: Any, cut: int) -> None:
    shuffled = [*enumerate(rows)]
    order.shuffle(shuffled)
    first, whole = OutcomeTracker(), OutcomeTracker()
    for number, outcome in shuffled[:cut]:
        first.settle(number, outcome)
    second = OutcomeTracker(first.watermark, first.counts_below_watermark, first.outcomes_above_watermark)
    for number, outcome in shuffled[cut:]:
        second.settle(number, outcome)
    for number, outcome in shuffled:
        whole.settle(number, outcome)
    assert (second.watermark, second.counts_below_watermark, second.outcomes_above_watermark) == (
        whole.watermark,
        whole.counts_below_watermark,
        whole.outcomes_above_watermark,
    )
    assert second.watermark == len(rows)


@given(outcomes, st.randoms(use_true_random=False))
def test_no_row_is_settled_twice(rows: list[Outcome], order: Any) -> None:
    numbers = [*range(len(rows))]
    order.shuffle(numbers)
    tracker = OutcomeTracker()
    for number in numbers:
        tracker.settle(number, rows[number])
        before = tracker.counts()
        with pytest.raises(ValueError, match=f"row {number} is already completed"):
            tracker.settle(number, Outcome.DONE)
        assert tracker.counts() == before


def test_rows_above_count_as_below_once_the_gap_is_closed() -> None:
    tracker = OutcomeTracker(2, (2, 0, 0, 0), {2: Outcome.FAILED, 3: Outcome.MISSING, 5: Outcome.DONE})
    assert tracker.watermark == 4
    assert tracker.counts_below_watermark == (2, 1, 0, 1)
    assert tracker.outcomes_above_watermark == {5: Outcome.DONE}


def test_the_outcomes_passed_in_are_not_changed() -> None:
    above = {0: Outcome.DONE}
    OutcomeTracker(outcomes_above_watermark=above)
    assert above == {0: Outcome.DONE}


@pytest.mark.parametrize(
    ("watermark", "below", "above"),
    [
        (3, (1, 1, 0, 0), {}),
        (3, (1, 1, 1), {}),
        (3, (1, 1, 1, 0, 0), {}),
        (3, (4, -1, 0, 0), {}),
        (3, (3, 0, 0, 0), {2: Outcome.DONE}),
    ],
)
def test_a_state_that_does_not_add_up_is_an_error(watermark: int, below: Any, above: dict[int, Outcome]) -> None:
    with pytest.raises(ValueError, match=r"counts \[.*\] do not add up to 3 rows|row 2 is already completed"):
        OutcomeTracker(watermark, below, above)
