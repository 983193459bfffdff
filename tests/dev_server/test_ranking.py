"""Scores, embeddings and pending rows of the dev server, checked against their definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.dev_server.embedding import (
    embed_dense,
    embed_sparse,
    embed_sparse_query,
    tokens,
)
from airflow_provider_upstash_vector.dev_server.models import Include
from airflow_provider_upstash_vector.dev_server.ranking import (
    Ranking,
    dense_scores,
    distribution_based,
    fused,
    inverse_document_frequency,
    ranked,
    reciprocal_ranks,
)
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQuery
from airflow_provider_upstash_vector.dev_server.vector_columns import DenseColumn, Rows, SparseColumn
from airflow_provider_upstash_vector.dev_server.vector_index import Pending
from tests.support.index_fixtures import ManualClock

ALL = Rows(None, np.empty(0, dtype=np.int64))


def ranking(*pairs: tuple[int, float]) -> Ranking:
    return Ranking(np.array([number for number, _ in pairs]), np.array([score for _, score in pairs]))


FORMULAS: dict[Any, Callable[[Any, Any], Any]] = {
    "COSINE": lambda v, q: (1 + v @ q / (np.linalg.norm(v) * np.linalg.norm(q))) / 2,
    "EUCLIDEAN": lambda v, q: 1 / (1 + np.sum((v - q) ** 2)),
    "DOT_PRODUCT": lambda v, q: (1 + v @ q) / 2,
}


@pytest.mark.parametrize("similarity", FORMULAS)
@pytest.mark.parametrize("magnitude", [1e-30, 1e-3, 1, 1e3, 1e30])
def test_dense_scores(similarity: Any, magnitude: float) -> None:
    matrix = (np.random.default_rng(3).standard_normal((3_000, 8)) * magnitude).astype(np.float32)
    query = matrix[7]
    scores = dense_scores(matrix, query, similarity)
    expected = [FORMULAS[similarity](vector, query.astype(float)) for vector in matrix.astype(np.float64)]
    assert scores == pytest.approx(expected, rel=1e-9)
    if similarity != "DOT_PRODUCT":
        assert np.float32(scores[7]) == 1


def test_the_zero_vector_is_orthogonal_to_all() -> None:
    zero = np.zeros((1, 2), dtype=np.float32)
    assert dense_scores(zero, np.array([1, 0], dtype=np.float32), "COSINE") == [0.5]


def test_ranks_and_fusions() -> None:
    first, second = ranking((1, 0.9), (2, 0.5), (3, 0.1)), ranking((3, 8.0), (1, 4.0))
    assert reciprocal_ranks(first) == pytest.approx([1 / 60, 1 / 61, 1 / 62])
    both = fused([first, second], reciprocal_ranks)
    assert both.numbers.tolist() == [1, 3, 2]
    assert both.scores == pytest.approx([1 / 60 + 1 / 61, 1 / 62 + 1 / 60, 1 / 61])
    # 8 and 4: the mean is 6, the variance of the sample ((8 - 6)² + (4 - 6)²) / (2 - 1) = 8
    mean, deviation = 6.0, math.sqrt(8)
    assert distribution_based(second) == pytest.approx(
        [(score - (mean - 3 * deviation)) / (6 * deviation) for score in (8.0, 4.0)]
    )
    assert distribution_based(ranking((1, 5.0))) == [0.5]
    assert fused([ranking(), ranking()], distribution_based).numbers.tolist() == []


RANKINGS = st.lists(
    st.dictionaries(st.integers(1, 30), st.floats(-(2.0**100), 2.0**100, width=32), max_size=20),
    min_size=1,
    max_size=2,
)


def best_first(scores: dict[int, float]) -> list[int]:
    return sorted(scores, key=lambda number: (-scores[number], number))


def by_definition(
    scores: list[dict[int, float]], fusion: str, batches: list[int]
) -> list[list[tuple[int, float]]]:
    """Fuse batch by batch: the first k of what each list has left, ranked by the sum of the scaled scores."""
    left = [best_first(part) for part in scores]
    taken = []
    for count in batches:
        sums: dict[int, float] = {}
        for numbers, part in zip(left, scores, strict=True):
            head = [part[number] for number in numbers[:count]]
            for rank, number in enumerate(numbers[:count]):
                if fusion == "RRF":
                    scaled = 1 / (60 + rank)
                elif len({*head}) == 1:
                    scaled = 0.5
                else:
                    mean, deviation = statistics.mean(head), statistics.stdev(head)
                    scaled = (head[rank] - (mean - 3 * deviation)) / (6 * deviation)
                sums[number] = sums.get(number, 0.0) + scaled
        rounded = {number: float(np.float32(score)) for number, score in sums.items()}
        best = best_first(rounded)[:count]
        taken.append([(number, rounded[number]) for number in best])
        left = [[number for number in numbers if number not in best] for numbers in left]
    return taken


@given(RANKINGS, st.lists(st.integers(1, 9), max_size=5), st.sampled_from(["RRF", "DBSF"]))
def test_batches_of_a_resumable_query(scores: list[dict[int, float]], batches: list[int], fusion: str) -> None:
    rankings = [ranked(np.array([*part], dtype=np.int64), np.array([*part.values()])) for part in scores]
    normalise = {"RRF": reciprocal_ranks, "DBSF": distribution_based}[fusion]
    query = ResumableQuery("", rankings, normalise, Include(), 60)
    taken = [query.take(count) for count in batches]
    if len(scores) == 1:  # one list is returned as it is
        numbers = [number for part in taken for number in part.numbers.tolist()]
        (part,) = scores
        assert numbers == best_first(part)[: sum(batches)]
        return
    expected = by_definition(scores, fusion, batches)
    for actual, wanted in zip(taken, expected, strict=True):
        assert actual.scores == pytest.approx([score for _, score in wanted], rel=1e-5, abs=1e-6)
        if fusion == "RRF":
            assert actual.numbers.tolist() == [number for number, _ in wanted]
        else:  # sums of floats in another order may differ in their last bit, and then so do ties
            break


@given(
    documents=st.lists(st.dictionaries(st.integers(-3, 3), st.floats(-10, 10, width=32)), max_size=8),
    query=st.dictionaries(st.integers(-3, 3), st.floats(-10, 10, width=32)),
)
def test_sparse_scores_with_idf(documents: list[dict[int, float]], query: dict[int, float]) -> None:
    column = SparseColumn()
    for number, document in enumerate(documents):
        values = np.array([*document.values()], dtype=np.float32)
        column.put(number, np.array([*document], dtype=np.int32).tobytes(), values.tobytes())
    actual = column.rank(query, idf=True, rows=ALL)
    expected = {}
    for number, document in enumerate(documents):
        if shared := {*document} & {*query}:
            holding = {index: sum(index in other for other in documents) for index in shared}
            expected[number] = sum(
                query[index]
                * document[index]
                * math.log(1 + (len(documents) - holding[index] + 0.5) / (holding[index] + 0.5))
                for index in shared
            )
    assert dict(zip(actual.numbers.tolist(), actual.scores.tolist(), strict=True)) == pytest.approx(
        expected, rel=1e-5, abs=1e-5
    )


def test_inverse_document_frequency() -> None:
    assert inverse_document_frequency(10, 3) == pytest.approx(math.log(1 + 7.5 / 3.5))


def test_a_sparse_index_that_stands_twice() -> None:
    column = SparseColumn()
    column.put(1, np.array([5, 5, 6], dtype=np.int32).tobytes(), np.array([1, 2, 4], dtype=np.float32).tobytes())
    assert column.rank({5: 1.0}, idf=False, rows=ALL).scores.tolist() == [3]
    column.put(1, np.array([6], dtype=np.int32).tobytes(), np.array([4], dtype=np.float32).tobytes())
    assert column.rank({5: 1.0}, idf=False, rows=ALL).scores.tolist() == []


def test_equal_scores_are_in_the_order_of_writing() -> None:
    assert ranked(np.array([5, 2, 9]), np.array([0.5, 0.5, 0.7])).numbers.tolist() == [9, 2, 5]
    # equal as float32
    assert ranked(np.array([5, 2]), np.array([0.5 + 1e-12, 0.5])).numbers.tolist() == [2, 5]


def test_scores_do_not_overflow() -> None:
    largest = float(np.finfo(np.float32).max)
    assert ranked(np.array([1, 2]), np.array([1e300, -1e300])).scores.tolist() == [largest, -largest]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60))
def test_columns_hold_the_last_value_of_each_row(steps: list[tuple[int, bool]]) -> None:
    dense, sparse, held = DenseColumn(2), SparseColumn(), dict[int, float]()
    for step, (number, put) in enumerate(steps):
        if put:
            value = np.array([step, 1], dtype=np.float32)
            dense.put(number, value.tobytes())
            sparse.put(number, np.array([0, step + 1], dtype=np.int32).tobytes(), value.tobytes())
            held[number] = float(step)
        else:
            dense.remove(number)
            sparse.remove(number)
            held.pop(number, None)
    by_dense = dense.rank(np.array([1, 0], dtype=np.float32), "DOT_PRODUCT", ALL)
    by_sparse = sparse.rank({0: 1.0}, idf=False, rows=ALL)
    assert dict(zip(by_dense.numbers.tolist(), (2 * by_dense.scores - 1).tolist(), strict=True)) == held
    assert dict(zip(by_sparse.numbers.tolist(), by_sparse.scores.tolist(), strict=True)) == held


def test_a_matrix_grows() -> None:
    dense = DenseColumn(1)
    for number in range(200):
        dense.put(number, np.array([number], dtype=np.float32).tobytes())
    best = dense.rank(np.array([1], dtype=np.float32), "DOT_PRODUCT", ALL).first(3)
    assert best.numbers.tolist() == [199, 198, 197]


def test_bm25_with_the_documented_constants() -> None:
    text = "Foxes jump; the fox is jumping over dogs"
    words = tokens(text)
    assert sorted(set(words)) == ["dog", "fox", "jump", "over"]
    weights = dict(zip(*embed_sparse(text), strict=True))
    expected = 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * len(words) / 32))
    assert weights[next(iter(embed_sparse_query("fox")))] == pytest.approx(expected)
    assert set(embed_sparse_query("fox fox the").values()) == {1.0}
    assert embed_sparse("") == ([], [])
    assert tokens("Hello world, it was not for you") == ["hello", "world", "you"]


def test_texts_with_words_in_common_are_close() -> None:
    fox, jump, tax = (embed_dense(text, 64) for text in ("quick fox", "fox jumps", "income tax"))
    assert fox @ jump > 0.3 > fox @ tax
    texts = ["", "the", "to be or not to be", "it is", "?!", "🙂"]
    assert len({embed_dense(text, 4).tobytes() for text in texts}) == len(texts)
    assert np.linalg.norm(fox) == pytest.approx(1)


def test_a_row_is_pending_until_some_time_after_its_last_write() -> None:
    clock = ManualClock()
    pending = Pending(5.0, clock)
    pending.add("ns", 1)
    clock.now = 3
    pending.add("ns", 2)
    pending.add("ns", 1)
    clock.now = 6
    pending.add("ns", 3)
    assert sorted(pending.numbers("ns").tolist()) == [1, 2, 3]
    clock.now = 8
    assert pending.numbers("ns").tolist() == [3]
    pending.rename("ns", "new")
    assert (pending.numbers("ns").tolist(), pending.numbers("new").tolist()) == ([], [3])
    pending.remove("new", 3)
    assert pending.numbers("new").tolist() == []
    pending.add("ns", 1)
    pending.clear("ns")
    assert pending.numbers("ns").tolist() == []
