"""Writes and reads by id of the dev server over plain HTTP, as the API documents them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dev_api import VALID_PARTS, Api, index


def test_upsert_one_or_many(api: Api) -> None:
    assert api("/upsert", {"id": "a", "vector": [0.1, 0.2]}) == "Success"
    assert api("/upsert/ns", [{"id": 1, "vector": [1, 2], "metadata": {"x": 1}, "data": "t"}]) == "Success"
    assert api.fetch_all_parts("a") == [{"id": "a", "vector": [0.1, 0.2]}]
    assert api.fetch_all_parts("1", namespace="ns") == [
        {"id": "1", "vector": [1.0, 2.0], "metadata": {"x": 1}, "data": "t"}
    ]


def test_upsert_replaces_the_whole_vector(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": 1}, "data": "t"})
    api("/upsert", {"id": "a", "vector": [3, 4]})
    assert api.fetch_all_parts("a") == [{"id": "a", "vector": [3.0, 4.0]}]


def test_an_upsert_with_an_invalid_item_writes_none(api: Api) -> None:
    items = [{"id": "a", "vector": [1, 2]}, {"id": "b", "vector": [1]}]
    assert api("/upsert", items) == (422, "Invalid vector dimension: 1, expected: 2")
    assert api.fetch_all_parts("a") == [None]


@pytest.mark.parametrize(
    ("index_type", "item", "error"),
    [
        ("DENSE", {"vector": [1, 2, 3]}, None),
        ("DENSE", {"vector": [1, 2]}, "Invalid vector dimension: 2, expected: 3"),
        ("DENSE", {"sparseVector": {"indices": [1], "values": [1]}}, "This index requires dense vectors"),
        (
            "DENSE",
            {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}},
            "This index requires dense vectors",
        ),
        ("SPARSE", {"sparseVector": {"indices": [1], "values": [1]}}, None),
        ("SPARSE", {"vector": [1, 2, 3]}, "This index requires sparse vectors"),
        (
            "SPARSE",
            {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}},
            "This index requires sparse vectors",
        ),
        ("HYBRID", {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}}, None),
        ("HYBRID", {"vector": [1, 2, 3]}, "This index requires sparse vectors"),
        ("HYBRID", {"sparseVector": {"indices": [1], "values": [1]}}, "This index requires dense vectors"),
    ],
)
def test_each_index_type_accepts_only_its_own_vectors(
    index_type: str, item: dict[str, Any], error: str | None
) -> None:
    with index(index_type=index_type) as api:
        assert api("/upsert", {"id": "a", **VALID_PARTS[index_type]}) == "Success"
        for path, success in (("/update", {"updated": 1}), ("/upsert", "Success")):
            assert api(path, {"id": "a", **item}) == (success if error is None else (422, error))


def test_update_changes_only_the_fields_of_the_request(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": 1}, "data": "t"})
    assert api("/update", {"id": "a", "data": "new"}) == {"updated": 1}
    assert api("/update", {"id": "a", "metadata": {"y": {"z": 2}}}) == {"updated": 1}
    assert api("/update", {"id": "a", "metadata": {"y": {"w": 3}}, "metadataUpdateMode": "PATCH"}) == {
        "updated": 1
    }
    assert api.fetch_all_parts("a") == [
        {"id": "a", "vector": [1.0, 2.0], "metadata": {"y": {"z": 2, "w": 3}}, "data": "new"}
    ]
    assert api("/update", {"id": "unknown", "data": "x"}) == {"updated": 0}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "Missing or wrong input at [Source: (ByteArrayInputStream); line: 1, column: 1]"),
        (b'{"id": }', 400, "Missing or wrong input at [Source: (ByteArrayInputStream); line: 1, column: 8]"),
        (b'{"id": NaN}', 400, "Missing or wrong input at"),
        (b'{"id": "\\ud800", "data": "x"}', 400, "Missing or wrong input at"),
        (b"\xff", 400, "Missing or wrong input at"),
        (b"[" * 100_000, 400, "Missing or wrong input at"),
        ([1], 400, "Missing or wrong input at"),
        ("a", 400, "Missing or wrong input at"),
        ({"data": "x"}, 400, "id must be a non-empty string"),
        ({"id": "", "data": "x"}, 400, "id must be a non-empty string"),
        ({"id": True, "data": "x"}, 400, "id must be a non-empty string"),
        ({"id": "a"}, 400, "nothing to update"),
        ({"id": "a", "vector": "x"}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, None]}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, True]}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, 1e39]}, 400, "too large"),
        ({"id": "a", "vector": [1, 10**400]}, 400, "too large"),
        (b'{"id": "a", "metadata": {"x": ' + b"9" * 400 + b"}}", 400, "a number is too large"),
        (b'{"id": "a", "metadata": {"x": 1e999}}', 400, "metadata holds a number that is too large"),
        ({"id": "a", "metadata": [1]}, 400, "metadata must be an object"),
        ({"id": "a", "metadata": {"x": "y" * 49_150}}, 400, "Metadata is too large"),
        ({"id": "a", "data": 5}, 400, "data must be a string"),
        ({"id": "a", "data": "x" * 1_048_577}, 400, "Data is too large"),
        ({"id": "a", "metadata": {}, "metadataUpdateMode": "MERGE"}, 400, "must be OVERWRITE or PATCH"),
    ],
)
def test_invalid_updates(api: Api, body: Any, status: int, message: str) -> None:
    actual_status, actual_message = api("/update", body)
    assert actual_status == status
    assert message in actual_message


@pytest.mark.parametrize(
    ("sparse", "message"),
    [
        ([1], "sparseVector must be an object"),
        ({"values": [1]}, "sparseVector.indices must be an array"),
        ({"indices": [2**31], "values": [1]}, "32-bit integers"),
        ({"indices": [1.5], "values": [1]}, "32-bit integers"),
        ({"indices": [1], "values": ["x"]}, "sparseVector.values must be an array of numbers"),
        ({"indices": [1], "values": [1, 2]}, "same length"),
        ({"indices": [*range(1001)], "values": [1] * 1001}, "Too many entries"),
    ],
)
def test_invalid_sparse_vectors(sparse: Any, message: str) -> None:
    with index(index_type="SPARSE") as api:
        assert message in api("/update", {"id": "a", "sparseVector": sparse})[1]


def test_a_patch_may_not_make_metadata_too_large(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": "y" * 30_000}})
    patch = {"id": "a", "metadata": {"z": "y" * 30_000}, "metadataUpdateMode": "PATCH"}
    assert "Metadata is too large" in api("/update", patch)[1]
    assert api.fetch_all_parts("a")[0]["metadata"] == {"x": "y" * 30_000}


def test_fetch_by_ids_or_prefix(api: Api) -> None:
    api("/upsert", [{"id": id, "vector": [1, 2]} for id in ("doc-1", "doc-2", "doc%", "other")])
    assert api("/fetch", {"ids": ["other", "?", "doc-1"]}) == [{"id": "other"}, None, {"id": "doc-1"}]
    assert api("/fetch", {"prefix": "doc-"}) == [{"id": "doc-1"}, {"id": "doc-2"}]
    assert api("/fetch", {"prefix": "doc%"}) == [{"id": "doc%"}]
    message = "Only one of ids or prefix must be provided."
    for body in ({"ids": ["a"], "prefix": "a"}, {}):
        assert api("/fetch", body) == (400, message)
    assert api("/fetch", {"prefix": 5})[0] == 400
    assert api("/fetch", {"ids": ["a"], "includeData": "yes"})[0] == 400
    assert api("/fetch", {"ids": ["a"] * 1001})[0] == 400


def test_delete_by_ids(api: Api) -> None:
    api("/upsert", [{"id": id, "vector": [1, 2]} for id in "abcd"])
    assert api("/delete", {"ids": ["a", "b", "?"]}) == {"deleted": 2}
    assert api("/delete", {"ids": "c"}, "DELETE") == {"deleted": 1}
    assert api("/delete", ["d"]) == {"deleted": 1}
    message = "Only and only one of the ids, prefix, or filter must be provided."
    for body in ({}, {"ids": ["a"], "prefix": "a"}, {"prefix": "a", "filter": "a = 1"}):
        assert api("/delete", body) == (400, message)


def test_reset(api: Api) -> None:
    for path in ("/upsert", "/upsert/ns"):
        api(path, {"id": "a", "vector": [1, 2]})
    assert api("/reset") == "Success"
    assert api("/info", method="GET")["namespaces"] == {
        "": {"vectorCount": 0, "pendingVectorCount": 0},
        "ns": {"vectorCount": 1, "pendingVectorCount": 0},
    }
    assert api("/reset?all", method="DELETE") == "Success"
    assert api("/info")["vectorCount"] == 0


def test_too_many_items(api: Api) -> None:
    assert "Too many items" in api("/upsert", [{"id": "a", "vector": [1, 2]}] * 1001)[1]
