"""Queries and embeddings of the dev server over plain HTTP."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.dev_api import NEEDS_MODEL, Api, index
from tests.support.index_fixtures import ManualClock


def test_text_is_embedded_if_there_is_a_model() -> None:
    with index(embedding_model="BGE", index_type="HYBRID", sparse_embedding_model="BM25") as api:
        assert api("/upsert-data", {"id": "a", "data": "the quick fox", "metadata": {"x": 1}}) == "Success"
        (before,) = api.fetch_all_parts("a")
        assert api("/update", {"id": "a", "data": "a slow fox"}) == {"updated": 1}
        (after,) = api.fetch_all_parts("a")
        assert api("/info")["denseIndex"]["embeddingModel"] == "BGE"
    assert (before["data"], before["metadata"], after["data"]) == ("the quick fox", {"x": 1}, "a slow fox")
    assert before["vector"] != after["vector"]
    assert before["sparseVector"] != after["sparseVector"]


def test_query_modes_of_a_hybrid_index() -> None:
    with index(embedding_model="BGE", index_type="HYBRID", sparse_embedding_model="BM25", dimension=64) as api:
        api("/upsert-data", [{"id": "fox", "data": "quick foxes"}, {"id": "tax", "data": "income tax"}])
        scores = {
            mode: api("/query-data", {"data": "fox", "queryMode": mode}) for mode in ("DENSE", "SPARSE", "HYBRID")
        }
    assert [item["id"] for item in scores["DENSE"]] == ["fox", "tax"]
    assert [item["id"] for item in scores["SPARSE"]] == ["fox"]
    assert [item["score"] for item in scores["HYBRID"]] == pytest.approx([2 / 60, 1 / 61])


def test_a_query_of_a_hybrid_index_may_have_one_vector() -> None:
    with index(index_type="HYBRID", dimension=2) as api:
        api("/upsert", {"id": "a", "vector": [1, 0], "sparseVector": {"indices": [1], "values": [2]}})
        assert api("/query", {"vector": [1, 0]}) == [{"id": "a", "score": 1.0}]
        assert api("/query", {"sparseVector": {"indices": [1], "values": [3]}}) == [{"id": "a", "score": 6.0}]
        idf = api("/query", {"sparseVector": {"indices": [1], "values": [3]}, "weightingStrategy": "IDF"})
        assert idf[0]["score"] == pytest.approx(6 * math.log(1 + (1 - 1 + 0.5) / (1 + 0.5)))


@pytest.mark.parametrize(
    ("index_type", "query", "status", "message"),
    [
        ("DENSE", {}, 422, "This index requires dense vectors"),
        ("DENSE", {"sparseVector": {"indices": [1], "values": [1]}}, 422, "This index requires dense vectors"),
        ("DENSE", {"vector": [1]}, 422, "Invalid vector dimension: 1, expected: 3"),
        ("SPARSE", {"vector": [1, 2, 3]}, 422, "This index requires sparse vectors"),
        ("SPARSE", {}, 422, "This index requires sparse vectors"),
        ("HYBRID", {}, 422, "This index requires dense vectors"),
        ("DENSE", {"vector": [1, 2, 3], "topK": 1001}, 400, "topK must be a whole number from 1 to 1000"),
        ("DENSE", {"vector": [1, 2, 3], "topK": 0}, 400, "topK must be a whole number from 1 to 1000"),
        ("DENSE", {"vector": [1, 2, 3], "filter": 5}, 400, "filter must be a string"),
        (
            "DENSE",
            {"vector": [1, 2, 3], "filter": "a ="},
            400,
            "At line 1:3 mismatched input '<EOF>' expecting a string",
        ),
        ("DENSE", {"vector": [1, 2, 3], "fusionAlgorithm": "SUM"}, 400, "must be one of RRF, DBSF"),
    ],
)
def test_invalid_queries(index_type: str, query: Any, status: int, message: str) -> None:
    with index(index_type=index_type) as api:
        actual_status, actual_message = api("/query", query)
    assert actual_status == status
    assert message in actual_message


def test_a_filter_with_too_many_conditions_is_an_error(api: Api) -> None:
    filter = " OR ".join(["a = 1"] * 5_000)
    assert api("/query", {"vector": [1, 2], "filter": filter}) == (400, "Invalid filter: too many conditions")


def test_queries_see_every_write(api: Api) -> None:
    def nearest() -> list[str]:
        return [item["id"] for item in api("/query", {"vector": [1, 0]})]

    api("/upsert", [{"id": "a", "vector": [1, 0]}, {"id": "b", "vector": [0, 1]}])
    assert nearest() == ["a", "b"]
    api("/update", {"id": "b", "vector": [2, 0]})
    api("/update", {"id": "a", "vector": [-1, 0]})
    assert nearest() == ["b", "a"]
    api("/delete", {"filter": "HAS NOT FIELD x"})
    assert nearest() == []
    api("/upsert", {"id": "c", "vector": [1, 1]})
    api("/reset")
    assert nearest() == []
    api("/upsert/old", {"id": "d", "vector": [1, 1]})
    api("/query/old", {"vector": [1, 0]})
    api("/upsert/new", {"id": "e", "vector": [1, 1]})
    names = {"namespace": "old", "newNamespace": "new"}
    assert api("/rename-namespace", names) == {"renamed": False}
    assert api("/rename-namespace", {**names, "deleteExisting": True}) == {"renamed": True}
    assert api("/rename-namespace", names) == {"renamed": False}
    assert [item["id"] for item in api("/query/new", {"vector": [1, 0]})] == ["d"]


@pytest.mark.parametrize("similarity", ["COSINE", "EUCLIDEAN", "DOT_PRODUCT"])
def test_scores_are_exact_and_finite_for_any_magnitude(similarity: str) -> None:
    rng = np.random.default_rng(5)
    base = rng.standard_normal(384).astype(np.float32) * 100
    with index(dimension=384, similarity=similarity) as api:
        for batch in range(2):  # more rows than are scored exactly
            far = rng.standard_normal((400, 384)).astype(np.float32) * 100
            api("/upsert", [{"id": f"far-{batch}-{row}", "vector": far[row].tolist()} for row in range(400)])
        near = {"near": base + np.float32(0.01), "less": base - np.float32(0.02)}
        api("/upsert", [{"id": name, "vector": vector.tolist()} for name, vector in near.items()])
        matches = api("/query", {"vector": base.tolist(), "topK": 2})
        huge = [3e38] * 384
        api("/upsert", {"id": "huge", "vector": huge})
        scores = [item["score"] for item in api("/query", {"vector": huge})]
    assert all(math.isfinite(score) for score in scores)
    if similarity == "EUCLIDEAN":
        stored = {
            name: float(np.sum((vector.astype(float) - base.astype(float)) ** 2)) for name, vector in near.items()
        }
        assert [item["id"] for item in matches] == ["near", "less"]
        assert [item["score"] for item in matches] == pytest.approx(
            [1 / (1 + stored[name]) for name in ("near", "less")], rel=1e-3
        )


def test_equal_scores_are_in_the_order_of_writing(api: Api) -> None:
    api("/upsert", [{"id": f"v{number}", "vector": [1, 0]} for number in range(900)])
    first = ["v0", "v1", "v2", "v3", "v4"]
    assert [item["id"] for item in api("/query", {"vector": [1, 0], "topK": 5})] == first
    assert [item["id"] for item in api("/resumable-query", {"vector": [1, 0], "topK": 5})["scores"]] == first


def test_a_resumable_query_returns_nothing_after_a_reset(api: Api) -> None:
    api("/upsert", [{"id": f"v{number}", "vector": [1, number]} for number in range(4)])
    uuid = api("/resumable-query", {"vector": [1, 0], "topK": 1})["uuid"]
    api("/reset")
    api("/upsert", [{"id": f"new{number}", "vector": [-1, 0]} for number in range(4)])
    assert api("/resumable-query-next", {"uuid": uuid, "additionalK": 3}) == []


def test_a_range_continues_after_deleted_vectors(api: Api) -> None:
    api("/upsert", [{"id": str(number), "vector": [1, 0]} for number in range(4)])
    cursor = api("/range", {"cursor": "0", "limit": 3})["nextCursor"]
    api("/delete", {"ids": ["2", "3"]})
    api("/upsert", {"id": "later", "vector": [1, 0]})
    assert [item["id"] for item in api("/range", {"cursor": cursor, "limit": 3})["vectors"]] == ["later"]


def test_cursors_count_the_vectors_of_a_namespace_since_its_reset(api: Api) -> None:
    """In a namespace filled since its creation or reset, the cursor after 5 vectors is "5"."""
    for _ in range(2):
        for number in range(7):  # in turn, so that no namespace has the vectors of consecutive writes
            for path in ("/upsert", "/upsert/ns", "/upsert/old"):
                api(path, {"id": str(number), "vector": [1, 0]})
                api(path, {"id": "0", "vector": [0, 1]})  # not a new one
        for path in ("/range", "/range/ns"):
            first = api(path, {"cursor": "0", "limit": 5})
            assert (first["nextCursor"], [item["id"] for item in first["vectors"]]) == ("5", [*"01234"])
            second = api(path, {"cursor": "5", "limit": 5})
            assert (second["nextCursor"], [item["id"] for item in second["vectors"]]) == ("", [*"56"])
        api("/delete-namespace/renamed")
        api("/rename-namespace", {"namespace": "old", "newNamespace": "renamed"})
        assert api("/range/renamed", {"limit": 6})["nextCursor"] == "6"
        api("/reset?all")


def test_prefixes_may_hold_any_character(api: Api) -> None:
    api("/upsert", [{"id": id, "vector": [1, 0]} for id in ("nul\0x", "nul", "ü1", "u1")])
    assert api("/fetch", {"prefix": "nul\0"}) == [{"id": "nul\0x"}]
    assert api("/fetch", {"prefix": "ü"}) == [{"id": "ü1"}]
    assert api("/delete", {"prefix": "nul\0"}) == {"deleted": 1}


def test_queries_do_not_find_pending_vectors() -> None:
    clock = ManualClock()
    with index(indexing_delay=5, clock=clock, dimension=2) as api:
        api("/upsert/ns", {"id": "a", "vector": [1, 0]})
        assert api("/info")["namespaces"]["ns"] == {"vectorCount": 1, "pendingVectorCount": 1}
        assert (api("/query/ns", {"vector": [1, 0]}), api("/fetch/ns", {"ids": ["a"]})) == ([], [{"id": "a"}])
        clock.now += 5
        assert api("/info")["pendingVectorCount"] == 0
        assert len(api("/query/ns", {"vector": [1, 0]})) == 1


def test_stale_info_has_no_pending_vectors() -> None:
    with DevServer(indexing_delay=600) as server, Api(server) as api:
        api("/upsert/ns", {"id": "a", "vector": [1, 0]})
        info = api("/info")
        server.faults.add(Fault(kind="stale", times=2))
        api("/random")  # is not a request for it
        stale, _ = api("/info"), api("/info")
        assert stale["namespaces"]["ns"] == {"vectorCount": 1, "pendingVectorCount": 0}
        assert stale["pendingVectorCount"] == 0
        assert stale.keys() == info.keys()
        assert api("/info") == info
    with pytest.raises(ValueError, match="stale is a fault of info"):
        Fault(kind="stale", command="update")


def test_a_resumable_query_of_an_unknown_namespace_is_empty(api: Api) -> None:
    assert api("/resumable-query/unknown", {"vector": [1, 0]}) == {"uuid": "", "scores": []}
    for command, body in (("next", {"additionalK": 1}), ("end", {})):
        assert api(f"/resumable-query-{command}", {"uuid": "", **body})[0] == 400


def test_idle_resumable_queries_end() -> None:
    clock = ManualClock()
    with index(dimension=2, clock=clock) as api:
        query = api("/resumable-query", {"vector": [1, 0], "maxIdle": 10})
        for seconds in (9, 9, 10):
            clock.now += seconds
            result = api("/resumable-query-next", {"uuid": query["uuid"], "additionalK": 1})
            assert result == [] or "no active resumable query" in result[1]
        assert result[0] == 400


def test_resumable_queries_are_limited(api: Api) -> None:
    api("/upsert", [{"id": str(number), "vector": [1, number]} for number in range(3)])
    start = {"vector": [1, 0], "topK": 1}
    active = [api("/resumable-query", start)["uuid"] for _ in range(100)]
    assert api("/resumable-query", start) == (400, "Too many active resumable queries, at most 100")
    assert api("/resumable-query-end", {"uuid": active[0]}) == "Success"
    assert api("/resumable-query-end", {"uuid": active[0]})[0] == 400
    api("/delete", {"ids": ["1"]})
    assert [item["id"] for item in api("/resumable-query-next", {"uuid": active[1], "additionalK": 5})] == ["2"]
    assert api("/resumable-query-next", {"uuid": active[1]})[0] == 400


@pytest.mark.parametrize("cursor", ["x", "-1", 1.5, True, "9" * 30])
def test_invalid_cursors(api: Api, cursor: Any) -> None:
    assert api("/range", {"cursor": cursor, "limit": 5})[0] == 400


def test_text_needs_a_model(api: Api) -> None:
    assert api("/upsert-data", {"id": "a", "data": "text"}) == (422, NEEDS_MODEL)
    assert api("/upsert-data", {"id": "a"})[0] == 400
