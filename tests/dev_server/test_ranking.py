"""Scores, embeddings and pending rows of the dev server, checked against their definitions."""

from __future__ import annotations

import math
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
from airflow_provider_upstash_vector.dev_server.ranking import (
    Ranking,
    dense_scores,
    distribution_based,
    fused,
    inverse_document_frequency,
    ranked,
    reciprocal_ranks,
)
from airflow_provider_upstash_vector.dev_server.vector_columns import DenseColumn, Rows, SparseColumn
from airflow_provider_upstash_vector.dev_server.vector_index import Pending
from tests.support.index_fixtures import ManualClock

ALL = Rows(None, np.empty(0, dtype=np.int64))


def ranking(*pairs: tuple[int, float]) -> Ranking:
    return Ranking(np.array([number for number, _ in pairs]), np.array([score for _, score in pairs]))


@pytest.mark.parametrize(
    ("similarity", "formula"),
    [
        ("COSINE", lambda v, q: (1 + v @ q / (np.linalg.norm(v) * np.linalg.norm(q))) / 2),
        ("EUCLIDEAN", lambda v, q: 1 / (1 + np.sum((v - q) ** 2))),
        ("DOT_PRODUCT", lambda v, q: (1 + v @ q) / 2),
    ],
)
def test_dense_scores(similarity: Any, formula: Any) -> None:
    matrix = np.random.default_rng(3).standard_normal((50, 8)).astype(np.float32)
    query = matrix[7]
    scores = dense_scores(matrix, np.linalg.norm(matrix, axis=1), query, similarity)
    assert scores == pytest.approx([formula(vector, query) for vector in matrix.astype(np.float64)], abs=1e-5)


def test_the_zero_vector_is_orthogonal_to_all() -> None:
    zero = np.zeros((1, 2), dtype=np.float32)
    assert dense_scores(zero, np.zeros(1), np.array([1, 0], dtype=np.float32), "COSINE") == [0.5]


def test_ranks_and_fusions() -> None:
    first, second = ranking((1, 0.9), (2, 0.5), (3, 0.1)), ranking((3, 8.0), (1, 4.0))
    assert reciprocal_ranks(first) == pytest.approx([1 / 61, 1 / 62, 1 / 63])
    both = fused([first, second], reciprocal_ranks)
    assert both.numbers.tolist() == [1, 3, 2]
    assert both.scores == pytest.approx([1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62])
    mean, deviation = 6.0, 2.0
    assert distribution_based(second) == pytest.approx(
        [(score - (mean - 3 * deviation)) / (6 * deviation) for score in (8.0, 4.0)]
    )
    assert distribution_based(ranking((1, 5.0))) == [0.5]
    assert fused([ranking(), ranking()], distribution_based).numbers.tolist() == []


def test_inverse_document_frequency() -> None:
    assert inverse_document_frequency(10, 3) == pytest.approx(math.log(7.5 / 3.5))


def test_equal_scores_are_in_the_order_of_writing() -> None:
    assert ranked(np.array([5, 2, 9]), np.array([0.5, 0.5, 0.7])).numbers.tolist() == [9, 2, 5]
    assert ranked(np.array([5, 2, 9]), np.array([0.5, 0.6, 0.7]), 2).numbers.tolist() == [9, 2]


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
    by_dense = dense.rank(np.array([1, 0], dtype=np.float32), "DOT_PRODUCT", ALL, None)
    by_sparse = sparse.rank({0: 1.0}, idf=False, rows=ALL, limit=None)
    assert dict(zip(by_dense.numbers.tolist(), (2 * by_dense.scores - 1).tolist(), strict=True)) == held
    assert dict(zip(by_sparse.numbers.tolist(), by_sparse.scores.tolist(), strict=True)) == held


def test_a_matrix_grows() -> None:
    dense = DenseColumn(1)
    for number in range(200):
        dense.put(number, np.array([number], dtype=np.float32).tobytes())
    best = dense.rank(np.array([1], dtype=np.float32), "DOT_PRODUCT", ALL, 3)
    assert best.numbers.tolist() == [199, 198, 197]


def test_bm25_with_the_documented_constants() -> None:
    text = "Foxes jump; the fox is jumping over dogs"
    words = tokens(text)
    assert sorted(set(words)) == ["dog", "fox", "jump"]
    weights = dict(zip(*embed_sparse(text), strict=True))
    expected = 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * len(words) / 32))
    assert weights[next(iter(embed_sparse_query("fox")))] == pytest.approx(expected)
    assert set(embed_sparse_query("fox fox the").values()) == {1.0}
    assert embed_sparse("") == ([], [])


def test_texts_with_words_in_common_are_close() -> None:
    fox, jump, tax = (embed_dense(text, 64) for text in ("quick fox", "fox jumps", "income tax"))
    assert fox @ jump > 0.3 > fox @ tax
    assert embed_dense("", 4) == pytest.approx(embed_dense("the", 4))
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
