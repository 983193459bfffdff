"""Text to vectors without a model: a stand-in, so that data can be embedded on a machine with no network.

The dense one hashes tokens to directions; it stands in for models such as BGE and understands nothing, but
texts that share words come out close. Both are deterministic.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import numpy.typing as npt

_BM25_K1, _BM25_B, _BM25_AVERAGE_TOKENS = 1.2, 0.75, 32.0


def tokens(text: str) -> list[str]:
    """Return the lower-case words and numbers of a text."""
    return re.findall(r"\w+", text.lower())


def embed_dense(text: str, dimension: int) -> npt.NDArray[np.float32]:
    """Return a unit vector: the sum of one pseudo-random direction per token."""
    total = np.zeros(dimension, dtype=np.float64)
    for token in tokens(text) or [""]:
        total += np.random.default_rng(_hash(token)).standard_normal(dimension)
    return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


def embed_sparse(text: str) -> tuple[list[int], list[float]]:
    """Return BM25 term weights (k1 = 1.2, b = 0.75, average length 32), one entry per distinct token."""
    words = tokens(text)
    norm = _BM25_K1 * (1 - _BM25_B + _BM25_B * len(words) / _BM25_AVERAGE_TOKENS)
    weights: dict[int, float] = {}
    for word in sorted(set(words)):
        count = words.count(word)
        weights[_hash(word) % 2**31] = count * (_BM25_K1 + 1) / (count + norm)
    return list(weights), list(weights.values())


def _hash(token: str) -> int:
    return int.from_bytes(hashlib.blake2b(token.encode(), digest_size=8).digest(), "big")
