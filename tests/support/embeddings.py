"""Functions that embed texts such as ``text 12`` as ``[1, 12]``, and rows for them."""

from __future__ import annotations

from collections import Counter
from typing import Any


def vector_of(text: str) -> list[float]:
    return [1.0, float(text.rsplit(maxsplit=1)[-1])]


def vectors_of(texts: list[str]) -> list[list[float]]:
    return [vector_of(text) for text in texts]


def text_rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"v{n}", "data": f"text {n}", "metadata": {"n": n}} for n in range(count)]


class CountedEmbedding:
    """Embeds texts, and keeps how often each was embedded."""

    def __init__(self) -> None:
        self.texts: Counter[str] = Counter()
        self.batches: list[int] = []

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.texts.update(texts)
        self.batches.append(len(texts))
        return vectors_of(texts)
