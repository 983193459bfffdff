"""Integers beyond 64 bits in responses, and what it costs to look for them."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from airflow_provider_upstash_vector.client import exact_json


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**40])
@pytest.mark.parametrize("offset", range(7))
def test_integers_are_exact_wherever_they_are(number: int, offset: int) -> None:
    text = f'{{"{"x" * offset}": [{number}, 0.5]}}'
    assert exact_json.loads(text) == exact_json.loads(text.encode()) == {"x" * offset: [number, 0.5]}


def test_the_numbers_of_vectors_are_not_compared_one_by_one() -> None:
    matrix = np.random.default_rng(1).standard_normal((100, 384), dtype=np.float32)
    text = orjson.dumps([*matrix], option=orjson.OPT_SERIALIZE_NUMPY)
    assert not exact_json.has_digits(text)
    assert not exact_json.has_digits(text.decode())
