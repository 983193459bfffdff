"""The rows of upserts: the same bytes and errors as the models', and what an index of each kind refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.operations.base import WrongIndex
from airflow_provider_upstash_vector.bulk.operations.upsert import Upsert, UpsertOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import Data, RetryPolicy, Vector
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector
from airflow_provider_upstash_vector.client.models.index_info import DenseIndexInfo
from airflow_provider_upstash_vector.client.wire.writes import MAX_BODY_BYTES
from tests.bulk.operations.test_update import index
from tests.bulk.operations.test_update_as_the_model import BAD, outcome, rows

UPSERT = Upsert(FieldNames())


def model(row: dict[str, Any]) -> type[Vector | Data]:
    """Return the model of a row: one with a vector, or one that the index embeds."""
    return Vector if row.get("vector") is not None or row.get("sparse_vector") is not None else Data


@given(rows)
def test_a_valid_row_is_encoded_as_by_the_model(row: dict[str, Any]) -> None:
    kind = model(row)
    fields = {name: value for name, value in row.items() if name in kind.model_fields}
    encoded = outcome(lambda: UPSERT.encode(row).fragment)
    if kind is Data and row.get("data") is None:
        assert encoded[0] == "vector"
        return
    assert encoded == outcome(lambda: kind(**fields).to_json())
    if encoded[0] == "sent":
        assert UPSERT.encode(row).path == ("/upsert" if kind is Vector else "/upsert-data")
        assert UPSERT.encode(kind(**fields)) == UPSERT.encode(row)


def test_a_body_of_as_many_rows_as_allowed_is_within_the_services_limit() -> None:
    fragments = [b"x" * (Upsert.max_bytes // Upsert.max_rows)] * Upsert.max_rows
    fragments[0] += b"x" * (Upsert.max_bytes - sum(map(len, fragments)))
    assert len(UPSERT.body(fragments)) == MAX_BODY_BYTES


@given(st.data(), rows.filter(lambda row: model(row) is Vector), st.sampled_from([*BAD]))
def test_one_invalid_field_is_rejected_as_by_the_model(
    data: st.DataObject, row: dict[str, Any], field: str
) -> None:
    row = {**row, field: data.draw(BAD[field])}
    encoded = outcome(lambda: UPSERT.encode(row).fragment)
    assert encoded[0] == field or (field == "metdata" and encoded == ("metdata", "there is no such field"))
    if field in Vector.model_fields:
        assert encoded == outcome(lambda: Vector(**row).to_json())


@pytest.mark.parametrize(
    ("kind", "embeds", "row", "field"),
    [
        ("DENSE", False, {"vector": [1, 2, 3]}, None),
        ("DENSE", False, {"vector": [1, 2, 3], "data": "x"}, None),
        ("DENSE", False, {"vector": [1, 2]}, "vector"),
        ("DENSE", False, {"sparse_vector": ([1], [1])}, "sparse_vector"),
        ("DENSE", False, {"data": "x"}, "vector"),
        ("DENSE", True, {"data": "x"}, None),
        ("SPARSE", False, {"sparse_vector": ([1], [1])}, None),
        ("SPARSE", False, {"vector": [1, 2, 3]}, "vector"),
        ("HYBRID", False, {"vector": [1, 2, 3], "sparse_vector": ([1], [1])}, None),
        ("HYBRID", False, {"vector": [1, 2, 3]}, "sparse_vector"),
        ("HYBRID", False, {"sparse_vector": ([1], [1])}, "vector"),
        ("HYBRID", True, {"data": "x"}, None),
    ],
)
def test_an_index_takes_its_own_kind_of_vector(
    kind: str, embeds: bool, row: dict[str, Any], field: str | None
) -> None:
    info = index(kind)
    if embeds:
        info = info.model_copy(
            update={"dense_index": DenseIndexInfo(dimension=3, similarity_function="COSINE", embedding_model="M")}
        )
    upsert = Upsert(FieldNames(), index=info)
    if field is None:
        upsert.encode({"id": "a", **row})
    else:
        with pytest.raises(WrongIndex) as caught:
            upsert.encode({"id": "a", **row})
        assert caught.value.field == field


def test_a_mode_of_updates_is_rejected() -> None:
    with pytest.raises(InvalidRequest, match="is for updates: an upsert replaces all metadata"):
        UPSERT.encode({"id": "a", "vector": [1], "metadata_update_mode": "PATCH"})
    UPSERT.encode({"id": "a", "vector": [1], "metadata_update_mode": None})


def test_every_row_of_a_batch_is_done_if_the_service_says_so() -> None:
    assert UPSERT.body([b'{"id":"a"}', b'{"id":"b"}']) == b'[{"id":"a"},{"id":"b"}]'
    assert UPSERT.outcomes("Success", 3) == (Outcome.DONE,) * 3
    results: list[Any] = ["Failure", None, 3, {}]
    for result in results:
        with pytest.raises(ValueError, match="must be"):
            UPSERT.outcomes(result, 3)


@pytest.mark.parametrize(
    ("stored", "row", "warning"),
    [
        ({"metadata": {"a": 1}}, {"metadata": {"a": 2}}, None),
        ({}, {"metadata": {"a": 2}}, None),
        (
            {"metadata": {"a": 1, "b": 2, "c": 3}},
            {"metadata": {"b": 2}},
            "removes 'a' of its metadata, 'c' of its",
        ),
        ({"metadata": {"a": 1}}, {}, "removes 'a' of its metadata, which"),
        ({"data": "text"}, {"metadata": {}}, "removes its data, which the rows do not have"),
        ({"data": "text"}, {"data": "other"}, None),
    ],
)
def test_it_says_what_it_would_remove(stored: dict[str, Any], row: dict[str, Any], warning: str | None) -> None:
    fields = UPSERT.replaced(UPSERT.encode({"id": "a", "vector": [1], **row}).fragment)
    assert fields is not None
    found = UPSERT.warning(fields, FetchedVector(id="a", **stored))
    assert warning in found if warning and found else found is None


def test_a_request_has_minutes_and_its_retries_as_much_time_as_other_requests() -> None:
    policy = RetryPolicy(request_timeout_seconds=10.0, total_timeout_seconds=50.0)
    changed = UpsertOptions(request_timeout_seconds=120.0).policy(policy)
    assert (changed.request_timeout_seconds, changed.total_timeout_seconds) == (120.0, 170.0)
    assert UpsertOptions().policy(policy).request_timeout_seconds == 600.0
