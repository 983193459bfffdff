from __future__ import annotations

import json
import pickle
from collections import OrderedDict
from enum import Enum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from airflow_provider_upstash_vector.bulk.operations.base import WrongIndex
from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames, InvalidRows, Unreadable
from airflow_provider_upstash_vector.client import IndexInfo, VectorUpdate, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest


def encoder(names: FieldNames | None = None, **options: Any) -> Update:
    return Update(names or FieldNames(), **options)


def rejection(row: object, **options: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        encoder(**options).encode(row)
    return caught.value


def index(kind: Any, dimension: int = 3) -> IndexInfo:
    return IndexInfo(
        vector_count=0,
        pending_vector_count=0,
        index_size=0,
        dimension=dimension,
        similarity_function="COSINE",
        index_type=kind,
    )


def test_a_row_becomes_the_request_that_the_client_would_send() -> None:
    encoded = encoder(namespace="films & more").encode({"id": "a", "data": "x"})
    call = wire.update({"id": "a", "data": "x"}, "films & more")
    assert (
        (encoded.path, encoded.fragment)
        == (call.path, call.body)
        == ("/update/films%20%26%20more", b'{"id":"a","data":"x"}')
    )
    assert (encoded.namespace, encoded.id) == ("films & more", "a")


def test_a_row_s_namespace_overrides_the_run_s() -> None:
    one = encoder(namespace="all")
    assert one.encode({"id": "a", "data": "x", "namespace": ".."}).path == "/update/%2E%2E"
    assert one.encode({"id": "a", "data": "x", "namespace": ""}).path == "/update"
    assert one.encode({"id": "a", "data": "x", "namespace": None}).path == "/update/all"
    assert one.encode(VectorUpdate(id="a", data="x")).path == "/update/all"


def test_as_many_namespaces_as_there_are_rows() -> None:
    one = encoder()
    for number in [*range(10_050), 0, 10_049]:
        encoded = one.encode({"id": "a", "data": "x", "namespace": str(number)})
        assert (encoded.namespace, encoded.path) == (str(number), f"/update/{number}")
    assert len(one._paths._by_namespace) <= 10_000


class Name(str, Enum):
    FILMS = "films"


def test_text_enumerations_are_plain_text() -> None:
    encoded = encoder(namespace=Name.FILMS).encode({"id": Name.FILMS, "data": Name.FILMS})
    assert encoded == ("films", "films", "/update/films", b'{"id":"films","data":"films"}')
    assert {type(part) for part in encoded[:3]} == {str}


@pytest.mark.parametrize(
    ("row", "mode"),
    [
        ({"id": "a", "metadata": {}}, "PATCH"),
        ({"id": "a", "metadata": {}, "metadata_update_mode": None}, "PATCH"),
        ({"id": "a", "metadata": {}, "metadata_update_mode": "overwrite"}, "OVERWRITE"),
        ({"id": "a", "data": "x", "metadata_update_mode": "overwrite"}, None),
        (VectorUpdate(id="a", data="x", metadata_update_mode="OVERWRITE"), None),
        ({"id": "a", "data": "x"}, None),
        ({"id": "a", "data": "x", "metadata": None}, None),
        (VectorUpdate(id="a", metadata={}), "PATCH"),
        (VectorUpdate(id="a", metadata={}, metadata_update_mode="OVERWRITE"), "OVERWRITE"),
        (VectorUpdate(id="a", vector=[1]), None),
    ],
)
def test_the_run_s_mode_is_for_rows_with_metadata_and_no_mode(row: Any, mode: str | None) -> None:
    body = json.loads(encoder(metadata_update_mode="patch").encode(row).fragment)
    assert body.get("metadataUpdateMode") == mode


@pytest.mark.parametrize(
    "arguments", [{"metadata_update_mode": "MERGE"}, {"namespace": 5.0}, {"namespace": "n" * 8_000}]
)
def test_invalid_defaults_are_errors_before_any_row(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(arguments))):
        encoder(**arguments)


def test_rows_with_their_own_field_names() -> None:
    names = FieldNames(id="pk", vector="embedding", namespace="tenant", metadata="attributes")
    row = {"pk": "a", "embedding": [1], "tenant": "t", "attributes": {}, "metadataUpdateMode": "PATCH"}
    assert encoder(names).encode(row) == (
        "t",
        "a",
        "/update/t",
        b'{"id":"a","vector":[1.0],"metadata":{},"metadataUpdateMode":"PATCH"}',
    )
    assert rejection({"id": "a", "data": "x"}, names=names).field == "id"
    assert rejection({"pk": "a", "vector": [1]}, names=names).field == "vector"


def test_the_failure_of_an_earlier_run_is_ignored() -> None:
    row = {"id": "a", "data": "x", "failure": {"row": 3}}
    assert encoder().encode(row).fragment == b'{"id":"a","data":"x"}'
    with pytest.raises(InvalidRows, match="no field can be named 'failure'"):
        FieldNames(data="failure")


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"id": "a", "data": "x", "metdata": None}, "metdata", "there is no such field"),
        ({"id": "a", "data": "x", 5: 1}, "5", "there is no such field"),
        ({"data": "x"}, "id", "is required"),
        ({"id": None, "data": "x"}, "id", "is required"),
        ({"id": "a", "data": None}, "update", "nothing to update"),
        (
            {"id": "a", "metadata": {}, "metadataUpdateMode": "PATCH", "metadata_update_mode": "PATCH"},
            "metadata_update_mode",
            "is given twice",
        ),
        ({"id": "a", "sparse_vector": None, "sparseVector": ([1], [1]), "x": 1}, "x", "there is no such field"),
        (
            {"id": "a", "data": "x", "namespace": 5.0},
            "namespace",
            "or a UUID, got float 5.0",
        ),
        (
            {"id": "a", "data": "x", "namespace": []},
            "namespace",
            "or a UUID, got list []",
        ),
        ({"id": "a", "data": "x", "namespace": "\ud800"}, "namespace", "unpaired surrogate"),
        ({"id": "a", "data": "x", "namespace": "n" * 7_501}, "namespace", "7,501 characters in a path"),
        (Unreadable('{"id":', "the line is no JSON"), "row", "the line is no JSON"),
        ([("id", "a")], "row", "must be an object with the fields of a row, got list"),
        (None, "row", "must be an object"),
    ],
)
def test_a_row_that_cannot_be_sent_is_rejected_with_its_field(row: object, field: str, reason: str) -> None:
    error = rejection(row)
    assert error.field == field
    assert reason in error.reason


def test_a_field_under_both_of_its_names_may_be_null_under_one() -> None:
    row = {"id": "a", "sparse_vector": None, "sparseVector": ([1], [1])}
    assert encoder().encode(row).fragment == b'{"id":"a","sparseVector":{"indices":[1],"values":[1.0]}}'


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_a_value_without_a_repr_is_rejected_like_any_other() -> None:
    assert (
        rejection({"id": Silent(), "data": "x"}).reason
        == "must be text, a whole number or a UUID, got Silent without a repr"
    )


@pytest.mark.parametrize("make", [dict, OrderedDict, MappingProxyType])
def test_any_mapping_is_a_row(make: Any) -> None:
    assert (
        encoder().encode(make({"id": "a", "metadata": make({"x": 1})})).fragment
        == b'{"id":"a","metadata":{"x":1}}'
    )


DENSE, SPARSE = np.zeros(3), ([1], [0.5])


@pytest.mark.parametrize(
    ("kind", "row", "field", "reason"),
    [
        ("DENSE", {"vector": [1, 2]}, "vector", "has 2 dimensions, but the index has 3"),
        ("DENSE", {"vector": np.zeros(1536)}, "vector", "has 1,536 dimensions, but the index has 3"),
        ("HYBRID", {"vector": [1], "sparse_vector": SPARSE}, "vector", "has 1 dimension, but the index has 3"),
        ("DENSE", {"sparse_vector": SPARSE}, "sparse_vector", "is given, but the index is DENSE"),
        ("SPARSE", {"vector": DENSE}, "vector", "is given, but the index is SPARSE"),
        ("HYBRID", {"vector": DENSE}, "sparse_vector", "is missing: a HYBRID index takes both"),
        ("HYBRID", {"sparse_vector": SPARSE}, "vector", "is missing: a HYBRID index takes both"),
    ],
)
def test_a_vector_of_another_index_is_rejected(kind: str, row: dict[str, Any], field: str, reason: str) -> None:
    for given in ({"id": "a", **row}, VectorUpdate(id="a", **row)):
        error = rejection(given, index=index(kind))
        assert isinstance(error, WrongIndex)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
        assert error.field == field
        assert error.reason.startswith(reason)


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("DENSE", {"vector": DENSE}),
        ("SPARSE", {"sparse_vector": SPARSE}),
        ("HYBRID", {"vector": DENSE, "sparse_vector": SPARSE}),
        *[(kind, {"data": "x"}) for kind in ("DENSE", "SPARSE", "HYBRID")],
        *[(kind, {"metadata": {"x": 1}}) for kind in ("DENSE", "SPARSE", "HYBRID")],
    ],
)
def test_a_vector_that_fits_the_index_is_sent(kind: str, row: dict[str, Any]) -> None:
    given = {"id": "a", **row}
    assert encoder(index=index(kind)).encode(given) == encoder().encode(given)
