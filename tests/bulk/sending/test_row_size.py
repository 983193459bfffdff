"""The size of rows, by which reading ahead is limited."""

from __future__ import annotations

import sys
from types import FrameType

import numpy as np
import pytest

from airflow_provider_upstash_vector.bulk.sending.row_size import row_size
from airflow_provider_upstash_vector.bulk.sources import MAX_ROW_BYTES


@pytest.mark.parametrize("dimension", [20, 384, 1_536, 5_376])
@pytest.mark.parametrize("kind", [list, tuple, np.asarray])
def test_a_vector_is_not_walked_through(dimension: int, kind: type) -> None:
    row = {"id": "a", "vector": kind([0.5] * dimension), "metadata": {"n": 1}}
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event.endswith("call")

    sys.setprofile(count)
    try:
        size = row_size(row)
    finally:
        sys.setprofile(None)
    assert calls < 50
    assert 4 * dimension < size < MAX_ROW_BYTES


def test_texts_in_lists_count() -> None:
    assert row_size({"tags": [1, "x" * 10_000, 2]}) > 10_000
    assert row_size({"tags": ["x" * 100] * 500}) > 50_000
    assert row_size([{"parts": 1}] * 2_000) == MAX_ROW_BYTES
