from __future__ import annotations

import array
import json
import pickle
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import SparseVector, Vector, VectorUpdate
from airflow_provider_upstash_vector.client.errors import InvalidRequest

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(st.characters(codec="utf-8")), json_values, max_size=6)


class Tensor:
    def __init__(self, numbers: list[float]) -> None:
        self.numbers = numbers

    def tolist(self) -> list[float]:
        return self.numbers


@pytest.mark.parametrize(
    ("arguments", "field", "reason"),
    [
        ({"id": "", "data": "x"}, "id", "must not be empty"),
        ({"data": "x"}, "id", "is required"),
        (
            {"id": 7.0, "data": "x"},
            "id",
            "or a UUID, got float 7.0; pandas' type Int64",
        ),
        ({"id": "\ud800", "data": "x"}, "id", "unpaired surrogate"),
        ({"id": "a"}, "update", "nothing to update"),
        ({"id": "a", "data": "x", "metdata": {}}, "metdata", "there is no such field"),
        ({"id": "a", "vector": []}, "vector", "must not be empty"),
        ({"id": "a", "vector": [0.1, float("nan")]}, "vector", "element 1, nan, is not a finite number"),
        ({"id": "a", "vector": [float("-inf")]}, "vector", "element 0, -inf"),
        ({"id": "a", "vector": [1e39]}, "vector", "too large for a 4-byte float"),
        ({"id": "a", "vector": [10**400]}, "vector", "element 0 is too large for a 4-byte float"),
        ({"id": "a", "vector": ["0.1"]}, "vector", "element 0 must be a number, got str '0.1'"),
        ({"id": "a", "vector": [0.1, None]}, "vector", "element 1 must be a number"),
        ({"id": "a", "vector": [True]}, "vector", "element 0 must be a number"),
        ({"id": "a", "vector": [[0.1], [0.2]]}, "vector", "one flat list of numbers, got shape (2, 1)"),
        ({"id": "a", "vector": [[0.1], [0.2, 0.3]]}, "vector", "one flat list of numbers"),
        ({"id": "a", "vector": "0.1, 0.2"}, "vector", "must be a list of numbers, got str '0.1, 0.2'"),
        ({"id": "a", "vector": 1.0}, "vector", "must be a list of numbers"),
        (
            {"id": "a", "sparse_vector": {"indices": [1], "values": [1.0, 2.0]}},
            "sparse_vector",
            "1 index but 2",
        ),
        ({"id": "a", "sparse_vector": ([*range(1001)], [0.5] * 1001)}, "sparse_vector", "1,001 entries"),
        ({"id": "a", "sparse_vector": ([2**31], [0.5])}, "sparse_vector", "not a signed 32-bit integer"),
        ({"id": "a", "sparse_vector": ([-(2**31) - 1], [0.5])}, "sparse_vector", "not a signed 32-bit integer"),
        ({"id": "a", "sparse_vector": ([True], [0.5])}, "sparse_vector", "index 0 must be an integer, got bool"),
        ({"id": "a", "sparse_vector": ([1.0], [0.5])}, "sparse_vector", "index 0 must be an integer, got float"),
        ({"id": "a", "sparse_vector": ([np.array([1, 2])], [0.5])}, "sparse_vector", "index 0 must be an integer"),
        ({"id": "a", "sparse_vector": (1, [0.5])}, "sparse_vector", "indices must be a list of integers"),
        (
            {"id": "a", "sparse_vector": ([1], [float("nan")])},
            "sparse_vector",
            "values: element 0, nan, is not a finite number",
        ),
        ({"id": "a", "sparse_vector": {"indices": [1]}}, "sparse_vector", "must have the keys"),
        ({"id": "a", "sparse_vector": {"indices": [1], "value": [1]}}, "sparse_vector", "got 'indices', 'value'"),
        ({"id": "a", "sparse_vector": {}}, "sparse_vector", "got none"),
        ({"id": "a", "sparse_vector": "1:0.5"}, "sparse_vector", "must have indices and values"),
        ({"id": "a", "metadata": {"x": "y" * 49_150}}, "metadata", "more than the limit of 49,152"),
        ({"id": "a", "metadata": "x" * 99}, "metadata", "got str '" + "x" * 59 + "…"),
        ({"id": "a", "metadata": [1]}, "metadata", "must be a JSON object, got list [1]"),
        ({"id": "a", "metadata": {1: 2, "1": 3}}, "metadata", "metadata has two keys with the text '1'"),
        ({"id": "a", "metadata": {"x": object()}}, "metadata", "is not JSON serializable"),
        ({"id": "a", "metadata": {"x": [2**64]}}, "metadata", "metadata.x[0] is an integer beyond 64 bits"),
        ({"id": "a", "metadata": {"x": {"y": [1, float("nan")]}}}, "metadata", "metadata.x.y[1] is nan"),
        ({"id": "a", "metadata": {"x": np.array([np.inf])}}, "metadata", "metadata.x[0] is inf"),
        ({"id": "a", "data": "é" * 524_289}, "data", "1,048,578 bytes of UTF-8"),
        ({"id": "a", "data": 5}, "data", "must be text, got int 5"),
        ({"id": "a", "data": "x", "metadata_update_mode": "MERGE"}, "metadata_update_mode", "OVERWRITE or PATCH"),
        ({"id": "a", "metadata_update_mode": "PATCH"}, "update", "nothing to update"),
        (
            {"id": "a", "metadata": {}, "metadata_update_mode": "MERGE"},
            "metadata_update_mode",
            "OVERWRITE or PATCH",
        ),
        ({"id": "a", "metadata": {}, "metadata_update_mode": 1}, "metadata_update_mode", "got int 1"),
    ],
)
def test_an_invalid_value_raises_an_error_with_its_field(
    arguments: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        VectorUpdate(**arguments)
    assert caught.value.field == field
    assert reason in caught.value.reason
    assert isinstance(caught.value, ValueError)


def test_absent_fields_are_absent_and_null_in_metadata_stays() -> None:
    update = VectorUpdate(id="a", metadata={"gone": None}, metadata_update_mode="patch")
    assert update.to_json() == b'{"id":"a","metadata":{"gone":null},"metadataUpdateMode":"PATCH"}'


def test_none_means_absent() -> None:
    update = VectorUpdate(
        id="a", vector=None, sparse_vector=None, data="x", metadata=None, metadata_update_mode=None
    )
    assert update.to_json() == b'{"id":"a","data":"x"}'


def test_a_mode_without_metadata_is_not_sent() -> None:
    assert VectorUpdate(id="a", data="x", metadata_update_mode="PATCH").to_json() == b'{"id":"a","data":"x"}'


def test_empty_metadata_is_a_change() -> None:
    assert VectorUpdate(id="a", metadata={}).to_json() == b'{"id":"a","metadata":{}}'


def test_an_update_does_not_change_with_the_values_it_was_created_from() -> None:
    vector, metadata = np.array([1, 2], dtype=np.float32), {"x": [1]}
    update = VectorUpdate(id="a", vector=vector, metadata=metadata)
    before = update.to_json()
    vector[0] = np.nan
    metadata["x"].append(float("nan"))  # type: ignore[arg-type]  # the mistake in question
    assert update.to_json() == before


def test_whole_numbers_beyond_64_bits_are_floats() -> None:
    sent = VectorUpdate(id="a", vector=[10**20, 1]).to_json()
    assert sent.replace(b"e+", b"e") == b'{"id":"a","vector":[1e20,1.0]}'  # older orjsons write no plus


def test_text_enumerations_are_their_text() -> None:
    class Genre(str, Enum):
        DRAMA = "drama"

    assert VectorUpdate(id=Genre.DRAMA, data=Genre.DRAMA).to_json() == b'{"id":"drama","data":"drama"}'


def test_too_deeply_nested_metadata_is_rejected() -> None:
    deep: Any = {}
    for _ in range(251):
        deep = {"x": deep}
    with pytest.raises(InvalidRequest, match="metadata: is nested too deeply"):
        VectorUpdate(id="a", metadata={"x": {"x": {"x": deep}}})
    VectorUpdate(id="a", metadata=deep).to_json()


def test_limits_are_inclusive() -> None:
    VectorUpdate(id="a", data="é" * 524_288)
    VectorUpdate(id="a", metadata={"x": "y" * (49_152 - len('{"x":""}'))})
    VectorUpdate(id="a", sparse_vector=([*range(1_000)], [0.5] * 1_000))
    VectorUpdate(id="a", sparse_vector=([-(2**31), 2**31 - 1], [0.5, 0.5]))
    for twice in ([3, 3], np.array([3, 3]), [np.int64(3), 3]):  # the service accepts an index that stands twice
        sent = json.loads(VectorUpdate(id="a", sparse_vector=(twice, [0.5, 1])).to_json())
        assert sent["sparseVector"] == {"indices": [3, 3], "values": [0.5, 1.0]}


@pytest.mark.parametrize(
    "vector",
    [
        [0.1, 2],
        (0.1, 2),
        np.array([0.1, 2], dtype=np.float16).astype(np.float32) * 0 + np.array([0.1, 2], dtype=np.float32),
        np.array([0.1, 2], dtype=np.float64),
        np.array([0.1, 2], dtype=np.longdouble),
        np.array([0.1, 2], dtype=">f4"),
        np.array([0.1, 9, 2], dtype=np.float32)[::2],
        array.array("f", [0.1, 2]),
        Tensor([0.1, 2]),
    ],
)
def test_vectors_of_any_kind_go_out_in_shortest_float32_form(vector: Any) -> None:
    assert VectorUpdate(id="a", vector=vector).to_json() == b'{"id":"a","vector":[0.1,2.0]}'


def test_half_precision_and_integers_are_vectors_too() -> None:
    assert VectorUpdate(id="a", vector=np.array([0.5], dtype=np.float16)).to_json() == b'{"id":"a","vector":[0.5]}'
    assert VectorUpdate(id="a", vector=np.array([3])).to_json() == b'{"id":"a","vector":[3.0]}'


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_every_float32_survives_the_wire_bit_for_bit(numbers: list[float]) -> None:
    sent = json.loads(VectorUpdate(id="a", vector=numbers).to_json())["vector"]
    assert np.array(sent, dtype=np.float32).tobytes() == np.array(numbers, dtype=np.float32).tobytes()


@given(json_objects)
def test_metadata_survives_the_wire(metadata: dict[str, Any]) -> None:
    assert json.loads(VectorUpdate(id="a", metadata=metadata).to_json())["metadata"] == metadata


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.text(st.characters(codec="utf-8")),
)
def test_id_and_data_survive_the_wire(id: str, data: str) -> None:
    assert json.loads(VectorUpdate(id=id, data=data).to_json()) == {"id": id, "data": data}


@pytest.mark.parametrize(
    "sparse",
    [
        {"indices": [7, -1], "values": [0.5, 1]},
        ([7, -1], [0.5, 1]),
        (np.array([7, -1]), np.array([0.5, 1])),
        SparseVector(indices=[7, -1], values=[0.5, 1]),
    ],
)
def test_sparse_vectors_in_any_form(sparse: Any) -> None:
    sent = VectorUpdate(id="a", sparse_vector=sparse).to_json()
    assert sent == b'{"id":"a","sparseVector":{"indices":[7,-1],"values":[0.5,1.0]}}'


def test_a_foreign_sparse_vector_object_is_read_by_its_attributes() -> None:
    class Foreign:
        indices = (1,)
        values = (0.25,)

    sent = VectorUpdate(id="a", sparse_vector=Foreign()).to_json()
    assert sent == b'{"id":"a","sparseVector":{"indices":[1],"values":[0.25]}}'


def test_json_names_are_accepted() -> None:
    row = {
        "id": "a",
        "sparseVector": {"indices": [1], "values": [1]},
        "metadata": {},
        "metadataUpdateMode": "PATCH",
    }
    assert VectorUpdate(**row) == VectorUpdate(
        id="a", sparse_vector=([1], [1]), metadata={}, metadata_update_mode="PATCH"
    )


def test_equal_updates_have_equal_hashes() -> None:
    update, same = VectorUpdate(id="a", vector=[0.1]), VectorUpdate(id="a", vector=np.array([0.1]))
    assert update == same
    assert hash(update) == hash(same)
    assert update != VectorUpdate(id="a", vector=[0.2])
    assert update != "a"
    assert pickle.loads(pickle.dumps(update)) == update  # noqa: S301 - our own


def test_a_vector_for_upsert_needs_a_dense_or_sparse_part() -> None:
    with pytest.raises(InvalidRequest, match="set vector, sparse_vector or both"):
        Vector(id="a", data="text")
    assert Vector.of({"id": "a", "vector": [1]}).to_json() == b'{"id":"a","vector":[1.0]}'


def test_metadata_of_numpy_numbers_and_any_mapping() -> None:
    metadata = MappingProxyType({"n": np.int64(3), "x": np.float32(0.5), "gone": None, "a": np.array([1, 2])})
    assert json.loads(VectorUpdate(id="a", metadata=metadata).to_json())["metadata"] == {
        "n": 3,
        "x": 0.5,
        "gone": None,
        "a": [1, 2],
    }
