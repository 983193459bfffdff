"""Deterministic embeddings of text without a model or network.

The dense embedding stands in for models such as BGE: it hashes stems to directions, so that texts with words in
common are close. The sparse one is BM25 as the service documents it, with a short list of stop words (assumed).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import snowballstemmer  # type: ignore[import-untyped]

_BM25_K1, _BM25_B, _BM25_AVERAGE_TOKENS = 1.2, 0.75, 32.0
_STEMMER = snowballstemmer.stemmer("english")


def words(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case."""
    return re.findall(r"\w+", text.lower())


# Those of Lucene's EnglishAnalyzer.
_STOP_WORDS = frozenset(
    words(
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these"
        " they this to was will with"
    )
)


def tokens(text: str) -> list[str]:
    """Return the stems of the words and numbers of a text, without English stop words."""
    return [stem(word) for word in words(text) if word not in _STOP_WORDS]


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the English stem of a word."""
    return str(_STEMMER.stemWord(word))


def embed_dense(text: str, dimension: int) -> npt.NDArray[np.float32]:
    """Return the normalised sum of a pseudo-random direction per word, stop words included."""
    total = np.zeros(dimension, dtype=np.float64)
    for token in [stem(word) for word in words(text)] or [text]:
        total += np.random.default_rng(_hash(token)).standard_normal(dimension)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def embed_sparse(text: str) -> tuple[list[int], list[float]]:
    """Return the BM25 term weights of a document (k1 = 1.2, b = 0.75, average length 32) by token."""
    terms = tokens(text)
    norm = _BM25_K1 * (1 - _BM25_B + _BM25_B * len(terms) / _BM25_AVERAGE_TOKENS)
    weights: dict[int, float] = {}
    for term in sorted(set(terms)):
        count = terms.count(term)
        weights[_sparse_index(term)] = count * (_BM25_K1 + 1) / (count + norm)
    return list(weights), list(weights.values())


def embed_sparse_query(text: str) -> dict[int, float]:
    """Return the terms of a query, each with weight 1: BM25 counts frequency in documents only."""
    return dict.fromkeys(map(_sparse_index, tokens(text)), 1.0)


def _sparse_index(token: str) -> int:
    return _hash(token) % 2**31


def _hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "big")
