"""The encoder and the client's models: the same bytes, the same errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.client import VectorUpdate, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest

ENCODER = Update(FieldNames())

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
numbers = st.lists(floats | st.integers(-(2**24), 2**24), min_size=1, max_size=8)
small = st.lists(st.floats(-1000, 1000, width=16), min_size=1, max_size=8)
arrays = st.builds(np.array, small, st.sampled_from(["f2", "f4", ">f4", "f8"]))
texts = st.text(st.characters(codec="utf-8"))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.datetimes()
)
metadata = st.dictionaries(
    texts,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
    ),
    max_size=4,
)
pairs = st.dictionaries(st.integers(-(2**31), 2**31 - 1), floats, max_size=6)
sparse = pairs.map(lambda pairs: ([*pairs], [*pairs.values()])) | pairs.map(
    lambda pairs: {"indices": np.array([*pairs], dtype=np.int64), "values": np.array([*pairs.values()])}
)

GOOD: dict[str, st.SearchStrategy[Any]] = {
    "vector": st.none() | numbers | numbers.map(tuple) | arrays,
    "sparse_vector": st.none() | sparse,
    "data": st.none() | texts,
    "metadata": st.none() | metadata,
}
rows = st.fixed_dictionaries({"id": texts.filter(bool)}, optional=GOOD)
modes = st.sampled_from([None, "PATCH", "OVERWRITE", "patch", "Overwrite"])

BAD: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from(["", True, "\ud800", b"a", [], 0.5]),
    "vector": st.sampled_from(
        [
            [],
            "0.1",
            1.0,
            [math.nan],
            [1e39],
            ["x"],
            [None],
            [[1.0]],
            [True],
            [10**400],
            {"a": 1},
            np.zeros((1, 2)),
            b"x",
        ]
    ),
    "sparse_vector": st.sampled_from(
        [
            {},
            "1:2",
            ([1], []),
            ([2**31], [1]),
            ([-(2**31) - 1], [1]),
            ([True], [1]),
            ([0.5], [1]),
            ([1], [math.inf]),
            ([1], ["x"]),
            ([None], ["x"]),
            ([*range(1_001)], [1.0] * 1_001),
            {"indices": [1], "value": [1]},
            (1, [1]),
            ([1], 1),
        ]
    ),
    "data": st.sampled_from([5, b"x", "\udfff", ["x"], "x" * (2**20 + 1)]),
    "metadata": st.sampled_from(
        [[], "x", {1.0: 2}, {"x": math.nan}, {"x": object()}, {"x": 2**64}, {"x": "\ud800"}, {"x": "y" * 50_000}]
    ),
    "metadata_update_mode": st.sampled_from(["MERGE", "", 1, b"PATCH", ["PATCH"]]),
    "metdata": st.sampled_from([None, 1]),
}


def outcome(make: Any) -> tuple[Any, ...]:
    try:
        return ("sent", make())
    except InvalidRequest as error:
        return (error.field, error.reason)


@given(rows, modes)
@example({"id": "a", "metadata": {"x": -0.0, "y": 1e16, "z": 5e-324}}, None)
@example({"id": "a"}, "PATCH")
@example({"id": "a", "vector": None}, None)
def test_a_valid_row_is_encoded_as_by_the_model(row: dict[str, Any], mode: str | None) -> None:
    row = {**row, "metadata_update_mode": mode}
    encoded = outcome(lambda: ENCODER.encode(row).fragment)
    assert encoded == outcome(lambda: VectorUpdate(**row).to_json())
    if encoded[0] == "sent":
        assert ENCODER.encode(row).path == wire.update(row).path
        update = VectorUpdate(**row)
        assert ENCODER.encode(update) == ENCODER.encode(row)


@given(st.data(), rows, st.sampled_from([*BAD]))
def test_one_invalid_field_is_rejected_as_by_the_model(
    data: st.DataObject, row: dict[str, Any], field: str
) -> None:
    row = {**row, "metadata": row.get("metadata") or {}, field: data.draw(BAD[field])}
    encoded = outcome(lambda: ENCODER.encode(row).fragment)
    assert encoded[0] != "sent"
    assert encoded == outcome(lambda: VectorUpdate(**row).to_json())


@given(st.data(), rows, st.sets(st.sampled_from([*BAD]), min_size=2))
def test_one_of_several_invalid_fields_is_named(
    data: st.DataObject, row: dict[str, Any], fields: set[str]
) -> None:
    row = {**row, **{field: data.draw(BAD[field]) for field in fields}}
    assert outcome(lambda: VectorUpdate(**row))[0] in fields
    assert outcome(lambda: ENCODER.encode(row))[0] in fields


def test_numpy_numbers_in_metadata_are_the_same_numbers() -> None:
    row = {"id": "a", "metadata": {"x": np.float32(0.1), "n": np.int64(3), "a": np.array([1.5, 2])}}
    assert ENCODER.encode(row).fragment == VectorUpdate(**row).to_json()
