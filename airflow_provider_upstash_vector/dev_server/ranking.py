"""Scoring and ranking in numpy: similarity functions, sparse scores, fusion of two rankings. Pure.

The formulas are those of the API documentation; a vector is represented by its row number in the store.
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


@dataclass(frozen=True, slots=True)
class Ranking:
    """Row numbers with their scores, best first; rows of equal score in the order of writing."""

    numbers: Numbers
    scores: Floats

    def first(self, count: int) -> Ranking:
        """Return the best ``count`` rows."""
        return Ranking(self.numbers[:count], self.scores[:count])


def ranked(numbers: Numbers, scores: Floats, limit: int | None = None) -> Ranking:
    """Return the best ``limit`` rows, or all, in order."""
    best = at_least_as_good(scores, limit)
    numbers, scores = numbers[best], scores[best]
    order = np.lexsort((numbers, -scores))[:limit]
    return Ranking(numbers[order], scores[order])


def at_least_as_good(scores: Floats, limit: int | None) -> npt.NDArray[np.intp]:
    """Return the positions of the ``limit`` best scores, and of those equal to the last of them."""
    if limit is None or limit >= len(scores):
        return np.arange(len(scores))
    last = -np.partition(-scores, limit - 1)[limit - 1]
    return np.flatnonzero(scores >= last)


def dense_scores(matrix: Floats, norms: Floats, query: Floats, similarity: SimilarityFunction) -> Floats:
    """Return the score of every row of ``matrix``, normalised to 0…1 as the service does."""
    dots = matrix @ query
    if similarity == "DOT_PRODUCT":
        return np.asarray((1 + dots) / 2)
    if similarity == "COSINE":
        lengths = norms * np.linalg.norm(query)
        cosines = np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)
        return np.asarray((1 + cosines) / 2)
    squares = np.maximum(norms**2 + query @ query - 2 * dots, 0)
    return np.asarray(1 / (1 + squares))


def inverse_document_frequency(documents: int, holding: int) -> float:
    """Return the IDF weight of a sparse dimension that ``holding`` of ``documents`` vectors have."""
    return float(np.log((documents - holding + 0.5) / (holding + 0.5)))


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
    """Return 1 / (rank + 60) for each row, with ranks from 1 (RRF)."""
    return 1 / (np.arange(1, len(ranking.numbers) + 1) + _RRF_CONSTANT)


def distribution_based(ranking: Ranking) -> Floats:
    """Return the scores scaled so that mean ± 3 standard deviations becomes 0…1 (DBSF)."""
    if len(ranking.scores) == 0:
        return ranking.scores
    mean, deviation = float(np.mean(ranking.scores)), float(np.std(ranking.scores))
    if deviation == 0:
        return np.full(len(ranking.scores), 0.5)
    return np.asarray((ranking.scores - (mean - 3 * deviation)) / (6 * deviation))
