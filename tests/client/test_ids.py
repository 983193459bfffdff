"""An id, and a namespace, is the same text whichever type and entry point it comes through."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.assets.uris import asset_uri
from airflow_provider_upstash_vector.bulk.operations.update import Update, UpdateOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.client import Data, Vector, VectorUpdate, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import identifier
from airflow_provider_upstash_vector.operators.base.arguments import optional_text
from airflow_provider_upstash_vector.polling.conditions import Indexed, Stored, condition


class Number(IntEnum):
    SEVEN = 7


SPELLINGS = [
    ("007", "007"),
    (101, "101"),
    (-1, "-1"),
    (0, "0"),
    (2**70, str(2**70)),
    (Number.SEVEN, "7"),
    *((kind(101), "101") for kind in (np.int8, np.uint16, np.int32, np.int64, np.uint64)),
    (Decimal(101), "101"),
    (Decimal("101.00"), "101"),
    (Decimal("1E+3"), "1000"),
    (Decimal("-0"), "0"),
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
]
REFUSED = [
    101.5, float("nan"), float("inf"), np.float32(1.5), True, False, np.True_, Decimal("1.5"), Decimal("NaN"),
    Decimal("sNaN"), Decimal("Infinity"), Decimal("1E+999999999"), 10**5_000, 1j, b"a", bytearray(b"a"), [1],
    np.array(5), object(), Fraction(1, 2),
]  # fmt: skip


def body(call: Any) -> Any:
    return json.loads((call if isinstance(call, wire.Call) else next(call)).body)


def segment(call: Any) -> str:
    return (call if isinstance(call, wire.Call) else next(call)).path.rpartition("/")[2]


IDS: dict[str, Callable[[Any], Any]] = {
    "update": lambda id: body(wire.update(VectorUpdate(id=id, data="x")))["id"],
    "update of a mapping": lambda id: wire.update({"id": id, "data": "x"}).id,
    "upsert": lambda id: body(wire.upsert([Vector(id=id, vector=[1])]))[0]["id"],
    "upsert_data": lambda id: body(wire.upsert_data([Data(id=id, data="x")]))[0]["id"],
    "fetch": lambda id: body(wire.fetch([id]))["ids"][0],
    "fetch of one": lambda id: body(wire.fetch(id))["ids"][0],
    "delete": lambda id: body(wire.delete((id,)))["ids"][0],
    "delete of one": lambda id: body(wire.delete(id))["ids"][0],
    "bulk": lambda id: Update(FieldNames()).encode({"id": id, "data": "x"}).id,
    "bulk body": lambda id: json.loads(Update(FieldNames()).encode({"id": id, "data": "x"}).fragment)["id"],
    "bulk of models": lambda id: Update(FieldNames()).encode(VectorUpdate(id=id, data="x")).id,
    "wait": lambda id: condition(None, id, None).id,  # type: ignore[union-attr]  # with an id it is Stored
}
NAMESPACES: dict[str, Callable[[Any], Any]] = {
    "update": lambda name: segment(wire.update(VectorUpdate(id="a", data="x"), name)),
    "fetch": lambda name: wire.fetch(["a"], name).send(None).namespace,
    "query": lambda name: segment(wire.query([1], name)),
    "delete_namespace": lambda name: segment(wire.delete_namespace(name)),
    "rename_namespace": lambda name: body(wire.rename_namespace("a", name))["newNamespace"],
    "rename_namespace of": lambda name: wire.rename_namespace(name, "new").namespace,
    "bulk": lambda name: Update(FieldNames()).encode({"id": "a", "data": "x", "namespace": name}).namespace,
    "bulk default": lambda name: Update(FieldNames(), namespace=name).encode({"id": "a", "data": "x"}).namespace,
    "bulk option": lambda name: UpdateOptions(namespace=name).namespace,
    "operator": lambda name: optional_text(name, "namespace"),
    "asset": lambda name: asset_uri("index.upstash.io", name).rpartition("/")[2],
    "wait": lambda name: _names(condition(name, None, None))[0],
    "wait for several": lambda name: _names(condition(["x", name], None, None))[1],
    "wait for a vector": lambda name: condition(name, "a", None).namespace,  # type: ignore[union-attr]  # as above
}


def _names(indexed: Indexed | Stored) -> Any:
    assert isinstance(indexed, Indexed)
    return indexed.namespaces


@pytest.mark.parametrize("entry", [*IDS])
def test_an_id_has_one_spelling_everywhere(entry: str) -> None:
    assert [(value, IDS[entry](value)) for value, _ in SPELLINGS] == SPELLINGS


@pytest.mark.parametrize("entry", [*NAMESPACES])
def test_a_namespace_has_one_spelling_everywhere(entry: str) -> None:
    assert [(value, NAMESPACES[entry](value)) for value, _ in SPELLINGS] == SPELLINGS


@pytest.mark.parametrize("entry", [*IDS])
def test_what_may_have_been_another_text_is_no_id(entry: str) -> None:
    lists = {"fetch of one", "delete of one"}
    for value in REFUSED:
        if entry in lists and isinstance(value, list | np.ndarray):  # a list of ids
            continue
        with pytest.raises(InvalidRequest, match="must be text, a whole number or a UUID, got"):
            IDS[entry](value)


@pytest.mark.parametrize("entry", [*NAMESPACES])
def test_what_may_have_been_another_text_is_no_namespace(entry: str) -> None:
    for value in REFUSED:
        if entry.startswith("wait") and isinstance(value, list):  # several namespaces
            continue
        with pytest.raises(InvalidRequest, match="must be text, a whole number or a UUID, got"):
            NAMESPACES[entry](value)


@pytest.mark.parametrize("value", [101.0, np.float32(101), np.float64(101)])
def test_a_whole_float_is_refused_with_the_remedy_of_pandas(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^id: must be text, .* got float\w* .*101\.0.*pandas' type Int64"):
        IDS["bulk"](value)


@given(st.integers(-(10**100), 10**100), st.integers(0, 5))
def test_every_spelling_of_a_whole_number_is_one_id(number: int, zeros: int) -> None:
    spelled = [number, Decimal(number), Decimal(f"{number}.{'0' * zeros}")]
    assert {identifier(value, "id") for value in spelled} == {str(number)}
