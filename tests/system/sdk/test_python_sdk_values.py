"""Values that the service returns, worked out from its API's documentation, through the vendor's Python SDK."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import upstash_vector
from upstash_vector.errors import UpstashError
from upstash_vector.types import Data, FusionAlgorithm, SparseVector, Vector, WeightingStrategy

from airflow_provider_upstash_vector.dev_server import DevServer

# Cosine scores with [1, 0]: (1 + cos) / 2. Sparse scores with {7: 1}: the value of index 7.
DENSE: dict[str, list[float]] = {"a": [1, 0], "b": [4, 3], "c": [3, 4], "d": [0, 1], "e": [-3, 4]}
DENSE_SCORES = {"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.5, "e": 0.2}
SPARSE_SCORES = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 4.0, "e": 5.0}


@contextmanager
def opened(**options: Any) -> Iterator[Any]:
    with DevServer(**{"dimension": 2, **options}) as server:
        index: Any = upstash_vector.Index(url=server.url, token=server.token, retries=0, allow_telemetry=False)
        yield index
        index._client.close()


@pytest.fixture
def hybrid() -> Iterator[Any]:
    with opened(index_type="HYBRID") as index:
        index.upsert(
            [Vector(id, DENSE[id], sparse_vector=SparseVector([7], [SPARSE_SCORES[id]])) for id in "abcde"]
        )
        yield index


QUERY = {"vector": [1, 0], "sparse_vector": SparseVector([7], [1])}


def scores(results: Any) -> dict[str, float]:
    return {result.id: result.score for result in results}


def test_idf() -> None:
    """The documented example: with N = 3, index 0 is in 1 document and index 1 in 2."""
    with opened(index_type="SPARSE") as index:
        documents = [([0, 1], [0.1, 0.2]), ([1, 2], [0.2, 0.3]), ([2, 3], [0.3, 0.4])]
        index.upsert([Vector(f"id{number}", sparse_vector=pair) for number, pair in enumerate(documents)])
        query = {"sparse_vector": ([0, 1], [0.1, 0.2]), "top_k": 3}
        results = index.query(**query, weighting_strategy=WeightingStrategy.IDF)
        assert [*scores(results)] == ["id0", "id1"]
        assert scores(results) == pytest.approx({"id0": 0.028608438, "id1": 0.018800145}, rel=1e-6)
        assert scores(index.query(**query)) == pytest.approx({"id0": 0.05, "id1": 0.04})


def test_rrf(hybrid: Any) -> None:
    """Dense order a b c d e, sparse order e d a c b: a is first and third, 1/60 + 1/62, with top_k 1 too."""
    for options in ({}, {"fusion_algorithm": FusionAlgorithm.RRF}):
        (best,) = hybrid.query(**QUERY, top_k=1, **options)
        assert (best.id, best.score) == ("a", 0.032795697)
    assert scores(hybrid.query(**QUERY, top_k=5)) == pytest.approx(
        {
            "a": 1 / 60 + 1 / 62,
            "e": 1 / 64 + 1 / 60,
            "d": 1 / 63 + 1 / 61,
            "b": 1 / 61 + 1 / 64,
            "c": 1 / 62 + 1 / 63,
        }
    )


def test_dbsf(hybrid: Any) -> None:
    """Dense: mean 0.68, variance of the sample 0.428 / 4; sparse: mean 3, variance of the sample 10 / 4."""
    expected = {
        id: 1 + (DENSE_SCORES[id] - 0.68) / (6 * math.sqrt(0.107)) + (SPARSE_SCORES[id] - 3) / (6 * math.sqrt(2.5))
        for id in "abcde"
    }
    for top_k in (1, 5):
        results = scores(hybrid.query(**QUERY, top_k=top_k, fusion_algorithm=FusionAlgorithm.DBSF))
        best = sorted(expected, key=expected.__getitem__, reverse=True)[:top_k]
        assert [*results] == best
        assert results == pytest.approx({id: expected[id] for id in best}, rel=1e-6)


def test_a_resumable_query_is_fused_batch_by_batch(hybrid: Any) -> None:
    """Batches of 2: dense a b and sparse e d; then dense b c and sparse d c; then only d is left."""
    first, handle = hybrid.resumable_query(**QUERY, top_k=2)
    assert [(result.id, result.score) for result in first] == [("a", 0.016666668), ("e", 0.016666668)]
    second = handle.fetch_next(2)
    assert [result.id for result in second] == ["c", "b"]
    assert scores(second) == pytest.approx({"c": 1 / 61 + 1 / 61, "b": 1 / 60})
    assert scores(handle.fetch_next(2)) == pytest.approx({"d": 1 / 60 + 1 / 60})
    assert handle.fetch_next(2) == []
    handle.stop()


@pytest.mark.parametrize("similarity", ["COSINE", "EUCLIDEAN"])
def test_a_vector_has_the_score_1_with_itself_and_ties_are_in_the_order_of_insertion(similarity: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((40, 384)).astype(np.float32) * 100
    with opened(similarity=similarity, dimension=384) as index:
        for copy in "zma":
            index.upsert([Vector(f"{copy}{row}", vector) for row, vector in enumerate(vectors)])
        index.upsert([Vector(f"z{row}", vector) for row, vector in enumerate(vectors)])  # no new ones
        for row, vector in enumerate(vectors):
            results = index.query(vector, top_k=4)
            assert [(result.id, result.score) for result in results[:3]] == [(f"{copy}{row}", 1) for copy in "zma"]
            assert results[3].score < 1


@pytest.mark.parametrize("similarity", ["COSINE", "EUCLIDEAN", "DOT_PRODUCT"])
def test_scores_do_not_overflow(similarity: str) -> None:
    with opened(index_type="HYBRID", similarity=similarity) as index:
        huge: dict[str, Any] = {"vector": [3e38, 3e38], "sparse_vector": SparseVector([1, 2], [3e38, 3e38])}
        index.upsert([Vector("a", huge["vector"], sparse_vector=huge["sparse_vector"])])
        for query in (huge, {"vector": huge["vector"]}, {"sparse_vector": huge["sparse_vector"]}):
            for fusion in FusionAlgorithm:
                (result,) = index.query(**query, fusion_algorithm=fusion)
                assert abs(result.score) <= 3.4028235e38  # of float32


def test_an_index_that_stands_twice() -> None:
    with opened(index_type="SPARSE") as index:
        index.upsert([Vector("a", sparse_vector=SparseVector([3, 3], [1, 2]))])
        (fetched,) = index.fetch(["a"], include_vectors=True)
        assert (fetched.sparse_vector.indices, fetched.sparse_vector.values) == ([3, 3], [1, 2])
        assert index.update("a", sparse_vector=SparseVector([4, 4], [1, 2]))
        assert [result.id for result in index.query(sparse_vector=SparseVector([4, 4], [1, 1]))] == ["a"]


def test_the_cursor_counts_vectors() -> None:
    with opened() as index:
        for namespace in ("other", "ns"):
            index.upsert([Vector(str(number), [1, number]) for number in range(9)], namespace=namespace)
        for _ in range(2):
            assert index.range(limit=5, namespace="ns").next_cursor == "5"
            index.reset("ns")
            index.upsert([Vector(str(number), [1, number]) for number in range(9)], namespace="ns")


def test_a_resumable_query_of_an_unknown_namespace() -> None:
    with opened() as index:
        results, handle = index.resumable_query([1, 0], top_k=2, namespace="unknown")
        assert results == []
        with pytest.raises(UpstashError, match="no active resumable query"):  # this SDK does not check the uuid
            handle.fetch_next(1)


def test_messages() -> None:
    with opened() as index:
        for path, body, message in [
            ("/fetch", {"ids": ["a"], "prefix": "a"}, "Only one of ids or prefix must be provided."),
            (
                "/delete",
                {"ids": ["a"], "prefix": "a"},
                "Only and only one of the ids, prefix, or filter must be provided.",
            ),
            (
                "/query",
                {"vector": [1, 0], "filter": 'user_id = "u" AND age = [object Object]'},
                "Invalid filter. At line 1:24 token recognition error at: '['",
            ),
        ]:
            with pytest.raises(UpstashError) as caught:
                index._execute_request(body, path)
            assert str(caught.value) == message


def test_texts_of_stop_words() -> None:
    with opened(embedding_model="stand-in", dimension=64) as index:
        texts = ["the", "to be or not to be", "it is", "of the"]
        index.upsert([Data(id=text, data=text) for text in texts])
        for text in texts:
            best, second = index.query(data=text, top_k=2)
            assert (best.id, best.score) == (text, 1)
            assert second.score < 1
