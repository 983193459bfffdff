"""Scoring and ranking in numpy: similarity functions, sparse scores, fusion of two rankings. Pure.

The formulas are those of the service; a vector is represented by its row number in the store. Sums are in float64,
scores in float32 as the service's are: a vector's cosine score with itself is exactly 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from airflow_provider_upstash_vector.dev_server.models import SimilarityFunction

Floats = npt.NDArray[np.floating[Any]]
Numbers = npt.NDArray[np.int64]

_RRF_CONSTANT = 60
_MAX_SCORE = float(np.finfo(np.float32).max)
# A few MB of float64 at a time for 1,536 dimensions.
_BLOCK_ROWS = 1_024


@dataclass(frozen=True, slots=True)
class Ranking:
    """Row numbers with their scores, best first; rows of equal score in the order of writing."""

    numbers: Numbers
    scores: Floats

    def first(self, count: int) -> Ranking:
        """Return the best ``count`` rows."""
        return Ranking(self.numbers[:count], self.scores[:count])

    def without(self, numbers: Numbers) -> Ranking:
        """Return the rows except for those with ``numbers``."""
        kept = ~np.isin(self.numbers, numbers)
        return Ranking(self.numbers[kept], self.scores[kept])


def ranked(numbers: Numbers, scores: Floats) -> Ranking:
    """Return the rows in order, with scores as float32; one that is too large becomes the largest float32."""
    scores = np.clip(scores, -_MAX_SCORE, _MAX_SCORE).astype(np.float32)
    order = np.lexsort((numbers, -scores))
    return Ranking(numbers[order], scores[order])


def dense_scores(matrix: Floats, query: Floats, similarity: SimilarityFunction) -> Floats:
    """Return the score of every row of ``matrix``, normalised to 0…1 as the service does."""
    query = query.astype(np.float64)
    scores = np.empty(len(matrix), dtype=np.float64)
    for start in range(0, len(matrix), _BLOCK_ROWS):
        block = matrix[start : start + _BLOCK_ROWS].astype(np.float64)
        scores[start : start + len(block)] = _block_scores(block, query, similarity)
    return scores


def _block_scores(block: Floats, query: Floats, similarity: SimilarityFunction) -> Floats:
    if similarity == "EUCLIDEAN":
        return np.asarray(1 / (1 + np.sum((block - query) ** 2, axis=1)))
    dots = block @ query
    if similarity == "COSINE":
        lengths = np.linalg.norm(block, axis=1) * np.linalg.norm(query)
        dots = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
    return np.asarray((1 + dots) / 2)


def inverse_document_frequency(documents: int, holding: int) -> float:
    """Return the IDF weight of a sparse dimension that ``holding`` of ``documents`` vectors have."""
    return float(np.log(1 + (documents - holding + 0.5) / (holding + 0.5)))


def fused(rankings: list[Ranking], normalise: Callable[[Ranking], Floats]) -> Ranking:
    """Return one ranking by the sum of each row's normalised scores."""
    numbers = np.concatenate([ranking.numbers for ranking in rankings])
    scores = np.concatenate([normalise(ranking) for ranking in rankings])
    distinct, positions = np.unique(numbers, return_inverse=True)
    return ranked(distinct, sums(positions, scores, len(distinct)))


def sums(positions: npt.NDArray[np.intp], values: Floats, count: int) -> Floats:
    """Return ``count`` sums; each value is added to the sum at its position."""
    return np.asarray(np.bincount(positions, weights=values, minlength=count), dtype=np.float64)


def reciprocal_ranks(ranking: Ranking) -> Floats:
    """Return 1 / (rank + 60) for each row, with ranks from 0 (RRF)."""
    return 1 / (np.arange(len(ranking.numbers)) + _RRF_CONSTANT)


def distribution_based(ranking: Ranking) -> Floats:
    """Return the scores scaled so that mean ± 3 standard deviations of the sample becomes 0…1 (DBSF).

    Scores that are all equal become 0.5 (assumed).
    """
    scores = ranking.scores.astype(np.float64)
    if len(scores) == 0 or np.all(scores == scores[0]):
        return np.full(len(scores), 0.5)
    mean, deviation = np.mean(scores), np.std(scores, ddof=1)
    return np.asarray((scores - (mean - 3 * deviation)) / (6 * deviation))
