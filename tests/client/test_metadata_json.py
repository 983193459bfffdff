"""What Python and its data libraries hold, as JSON: one set of rules, and the place of what is refused."""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.client import Vector, VectorUpdate
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from tests.support.metadata_values import ACCEPTED, MISSING, REFUSED


@pytest.mark.parametrize(("value", "expected"), ACCEPTED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("patch", [False, True])
def test_values_of_python_and_its_data_libraries_are_json(value: Any, expected: Any, patch: bool) -> None:
    encoded = json.loads(metadata_json({"x": value, "y": [value]}, patch=patch))
    assert repr(encoded) == repr({"x": expected, "y": [expected]})
    # one by one, as when a value is refused, the result is the same
    assert json.loads(metadata_json({1: 1, "x": value, "y": [value]}, patch=patch)) == {"1": 1, **encoded}


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=lambda value: type(value).__name__)
def test_what_is_refused_is_named_with_its_path(value: Any, reason: str) -> None:
    for metadata, path in [
        ({"x": value}, "metadata.x"),
        ({"tags": [1, 2, 3, {"at": value}]}, "metadata.tags[3].at"),
        ({"a": None, "x": (0, MappingProxyType({"y": value}))}, "metadata.x[1].y"),
    ]:
        with pytest.raises(InvalidRequest) as caught:
            metadata_json(metadata)
        assert caught.value.field == "metadata"
        assert caught.value.reason.startswith(path)
        assert reason in caught.value.reason.removeprefix(path)


@pytest.mark.parametrize("dtype", ["i8", "f8", "f4", "M8[s]", "O"])
def test_a_masked_value_of_an_array_is_missing(dtype: str) -> None:
    array = np.ma.array([[1, 2], [3, 4]], mask=[[False, False], [False, True]]).astype(dtype)
    assert json.loads(metadata_json({"x": array}))["x"][1][1] is None
    with pytest.raises(InvalidRequest, match=r"metadata\.x\[1\]\[1\] is .*masked.*, and null deletes a field"):
        metadata_json({"x": array}, patch=True)


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_missing_value_is_null_but_not_in_a_patch(value: Any) -> None:
    metadata = {"a": 1, "at": [None, value]}
    stored = b'"metadata":{"a":1,"at":[null,null]}'
    assert stored in Vector(id="a", vector=[1], metadata=metadata).to_json()
    assert stored in VectorUpdate(id="a", metadata=metadata).to_json()
    assert stored in VectorUpdate(id="a", metadata=metadata, metadata_update_mode="overwrite").to_json()
    with pytest.raises(InvalidRequest, match=r"metadata\.at\[1\] is .*, and null deletes a field"):
        VectorUpdate(id="a", metadata=metadata, metadata_update_mode="patch")
    row = {"id": "a", "metadata": metadata}
    patching = Update(FieldNames(), metadata_update_mode="PATCH")
    assert stored in Update(FieldNames()).encode(row).fragment
    for refused in (row, VectorUpdate(**row)):
        with pytest.raises(InvalidRequest, match=r"metadata\.at\[1\] is .*, and null deletes a field"):
            patching.encode(refused)
    assert stored in patching.encode(VectorUpdate(**row, metadata_update_mode="OVERWRITE")).fragment
    assert b"null" in patching.encode(VectorUpdate(id="a", metadata={"gone": None})).fragment


def test_nothing_is_imported_to_convert_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("numpy", "pandas"):
        monkeypatch.delitem(sys.modules, library)
    metadata = {"at": dt.date(2026, 1, 2), "n": {1: Decimal("0.5")}, "t": {2, 1}}
    assert metadata_json(metadata) == b'{"at":"2026-01-02","n":{"1":0.5},"t":[1,2]}'
    with pytest.raises(InvalidRequest, match=r"metadata\.x is object"):
        metadata_json({"x": object()})
    assert not {"numpy", "pandas"} & sys.modules.keys()


IN_ITSELF: list[Any] = []
IN_ITSELF.append(IN_ITSELF)


def test_values_within_themselves_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="metadata: is nested too deeply"):
        metadata_json({"x": IN_ITSELF})


class Timeout(BaseException):
    """As Airflow's is."""


class Interrupted:
    def tolist(self) -> Any:
        raise Timeout


def test_a_timeout_during_a_conversion_is_not_swallowed() -> None:
    with pytest.raises(Timeout):
        metadata_json({"x": Interrupted()})


LEAVES = st.sampled_from([value for value, _ in ACCEPTED]) | st.none() | st.integers(-9, 9) | st.text(max_size=2)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.integers(0, 3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), NESTED), st.lists(st.sampled_from("abc"), min_size=1), st.data())
def test_one_refused_value_anywhere_is_named(
    metadata: dict[str, Any], path: list[str], data: st.DataObject
) -> None:
    metadata_json(metadata)
    value, reason = REFUSED[data.draw(st.integers(0, len(REFUSED) - 1))]
    for name in reversed(path):
        value = {**metadata, name: value}
    with pytest.raises(InvalidRequest) as caught:
        metadata_json(value, patch=True)
    assert caught.value.reason.startswith("metadata." + ".".join(path))
    assert reason in caught.value.reason
