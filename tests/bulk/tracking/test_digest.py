from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import RowsDigest
from airflow_provider_upstash_vector.client import VectorUpdate
from airflow_provider_upstash_vector.client.errors import InvalidRequest

ENCODER = Update(FieldNames())
ROWS: list[Any] = [
    {"id": "a", "vector": np.arange(6.0)[::2], "metadata": {"b": 1, "a": [None, 2**60]}},
    VectorUpdate(id="b", data="x"),
    {"id": "c", "data": object()},
    object(),
    {"id": "d", "namespace": "n", "data": "x"},
]


def digest_of(rows: list[Any], expected_rows: int = 0, expected: str = "") -> tuple[RowsDigest, list[bool]]:
    digest = RowsDigest(expected_rows, expected)
    return digest, [digest.add(request_of(row)) for row in rows]


def request_of(row: object) -> Encoded | InvalidRequest:
    try:
        return ENCODER.encode(row)
    except InvalidRequest as error:
        return error


def test_the_digest_of_rows_of_any_type_is_the_same_in_every_process() -> None:
    program = "from tests.bulk.tracking.test_digest import *; print(digest_of(ROWS)[0].state())"
    states = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert states == {str(digest_of(ROWS)[0].state())}


@pytest.mark.parametrize(
    "others",
    [
        [ROWS[1], ROWS[0], *ROWS[2:]],
        [*ROWS[:2], {"id": "c", "data": "valid now"}, *ROWS[3:]],
        [*ROWS[:4], {"id": "d", "data": "x"}],
        [*ROWS[:4], {"id": "d", "namespace": "n", "data": "y"}],
    ],
)
def test_changed_rows_are_detected_at_the_end_of_those_expected(others: list[Any]) -> None:
    state = digest_of(ROWS)[0].state()
    assert digest_of([*ROWS, "more"], *state)[1] == [True] * 6
    assert digest_of([*others, "more"], *state)[1] == [True] * 4 + [False, True]


def test_the_state_stays_that_of_the_checkpoint_until_all_of_it_is_read() -> None:
    state = digest_of(ROWS)[0].state()
    assert digest_of(ROWS[:4], *state)[0].state() == state
    assert digest_of([*ROWS, "more"], *state)[0].state() == digest_of([*ROWS, "more"])[0].state()


def test_rows_must_not_end_before_those_expected_or_settled() -> None:
    state = digest_of(ROWS)[0].state()
    assert not digest_of(ROWS[:4], *state)[0].may_end(0)
    assert digest_of(ROWS, *state)[0].may_end(5)
    assert not digest_of(ROWS, *state)[0].may_end(6)
