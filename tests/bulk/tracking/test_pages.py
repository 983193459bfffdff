from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.bulk.tracking.pages import PageTracker

FIRST = (3, (1, 1, 1, 0), "first")


@given(st.lists(st.lists(st.sampled_from(Outcome), max_size=5), max_size=12), st.randoms(use_true_random=False))
def test_the_watermark_is_the_first_page_with_a_row_that_is_not_completed(
    pages: list[list[Outcome]], order: Any
) -> None:
    tracker = PageTracker(*FIRST)
    starts = [(3, "first")]
    read: list[tuple[int, Outcome]] = []
    settled: dict[int, Outcome] = {}
    unread = [*enumerate(pages)]
    number = 3
    while unread or read:
        if unread and (not read or order.random() < 0.3):
            place, outcomes = unread.pop(0)
            read += [(number + n, outcome) for n, outcome in enumerate(outcomes)]
            number += len(outcomes)
            starts.append((number, f"after {place}"))
            tracker.begin_page(*starts[-1])
        else:
            row = read.pop(order.randrange(len(read)))
            settled[row[0]] = row[1]
            tracker.settle(*row)
        completed = min((row for row, _ in read), default=number)
        watermark, position = [start for start in starts if start[0] <= completed][-1]
        assert (tracker.watermark, tracker.position) == (watermark, position)
        below = [outcome for row, outcome in settled.items() if row < watermark]
        assert tracker.counts_below_watermark == tuple(
            before + below.count(outcome) for before, outcome in zip(FIRST[1], Outcome, strict=True)
        )
        assert sum(tracker.counts().values()) == 3 + len(settled)
        assert all(tracker.is_settled(row) == (row < 3 or row in settled) for row in range(number + 1))
        assert tracker.end == max([2, *settled]) + 1


def test_no_row_is_settled_twice() -> None:
    tracker = PageTracker(*FIRST)
    tracker.settle(3, Outcome.DONE)
    for number in (2, 3):
        with pytest.raises(ValueError, match=f"row {number} is already completed"):
            tracker.settle(number, Outcome.DONE)
