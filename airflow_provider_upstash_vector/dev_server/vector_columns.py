"""The vectors of one namespace in memory, laid out to be scored without a Python loop over rows."""

from __future__ import annotations

import numpy as np

from airflow_provider_upstash_vector.dev_server.models import IndexSpec, Record, SimilarityFunction
from airflow_provider_upstash_vector.dev_server.ranking import (
    Floats,
    Numbers,
    Ranking,
    dense_scores,
    inverse_document_frequency,
    ranked,
    sums,
)

_FIRST_CAPACITY = 64
_NO_ROWS = np.empty(0, dtype=np.int64)


class DenseColumn:
    """Dense vectors as the rows of one matrix; its capacity doubles when it is full."""

    def __init__(self, dimension: int) -> None:
        self._matrix = np.empty((_FIRST_CAPACITY, dimension), dtype=np.float32)
        self._numbers = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._position: dict[int, int] = {}

    def put(self, number: int, dense: bytes) -> None:
        """Set the vector of a row."""
        position = self._position.setdefault(number, len(self._position))
        if position == len(self._numbers):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
            self._numbers = np.concatenate([self._numbers, np.empty_like(self._numbers)])
        self._matrix[position] = np.frombuffer(dense, dtype=np.float32)
        self._numbers[position] = number

    def remove(self, number: int) -> None:
        """Remove a row; the last one takes its place."""
        position = self._position.pop(number, None)
        if position is None:
            return
        last = len(self._position)
        if position != last:
            moved = int(self._numbers[last])
            self._matrix[position] = self._matrix[last]
            self._numbers[position] = moved
            self._position[moved] = position

    def rank(self, query: Floats, similarity: SimilarityFunction, rows: Rows) -> Ranking:
        """Return the rows in the order of their scores for a query vector."""
        count = len(self._position)
        numbers, matrix = self._numbers[:count], self._matrix[:count]
        mask = rows.mask(numbers)
        if mask is not None:
            numbers, matrix = numbers[mask], matrix[mask]
        return ranked(numbers, dense_scores(matrix, query, similarity))


class SparseColumn:
    """Sparse vectors as an inverted index: for each dimension, the rows that have it and their values.

    The values of a dimension that a vector has twice are added (assumed).
    """

    def __init__(self) -> None:
        self._postings: dict[int, dict[int, float]] = {}
        self._indices: dict[int, set[int]] = {}

    def put(self, number: int, indices: bytes, values: bytes) -> None:
        """Set the vector of a row."""
        self.remove(number)
        dimensions: list[int] = np.frombuffer(indices, dtype=np.int32).tolist()
        self._indices[number] = {*dimensions}
        for index, value in zip(dimensions, np.frombuffer(values, dtype=np.float32).tolist(), strict=True):
            posting = self._postings.setdefault(index, {})
            posting[number] = posting.get(number, 0.0) + value

    def remove(self, number: int) -> None:
        """Remove a row."""
        for index in self._indices.pop(number, ()):
            posting = self._postings[index]
            del posting[number]
            if not posting:
                del self._postings[index]

    def rank(self, query: dict[int, float], *, idf: bool, rows: Rows) -> Ranking:
        """Return the rows that share a dimension with the query, in the order of their scores."""
        numbers, products = [_NO_ROWS], [np.empty(0)]
        for index, weight in query.items():
            posting = self._postings.get(index, {})
            factor = weight * inverse_document_frequency(len(self._indices), len(posting)) if idf else weight
            numbers.append(np.fromiter(posting, dtype=np.int64, count=len(posting)))
            products.append(factor * np.fromiter(posting.values(), dtype=np.float64, count=len(posting)))
        distinct, positions = np.unique(np.concatenate(numbers), return_inverse=True)
        scores = sums(positions, np.concatenate(products), len(distinct))
        mask = rows.mask(distinct)
        return ranked(distinct, scores) if mask is None else ranked(distinct[mask], scores[mask])


class Rows:
    """The rows that a query may return: those that a filter selects, except pending ones."""

    def __init__(self, selected: Numbers | None, pending: Numbers) -> None:
        self._selected = selected
        self._pending = pending

    def mask(self, numbers: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        """Return a mask of ``numbers``, ``None`` if it is true for all."""
        mask = None if self._selected is None else np.isin(numbers, self._selected)
        if len(self._pending):
            indexed = ~np.isin(numbers, self._pending)
            mask = indexed if mask is None else mask & indexed
        return mask


class Columns:
    """The dense and the sparse column of one namespace."""

    def __init__(self, spec: IndexSpec) -> None:
        self.dense = DenseColumn(spec.dimension) if spec.is_dense else None
        self.sparse = SparseColumn() if spec.is_sparse else None

    def put(self, number: int, record: Record) -> None:
        """Set the parts that a record has."""
        if self.dense is not None and record.dense is not None:
            self.dense.put(number, record.dense)
        if self.sparse is not None and record.sparse_indices is not None and record.sparse_values is not None:
            self.sparse.put(number, record.sparse_indices, record.sparse_values)

    def remove(self, number: int) -> None:
        """Remove a row."""
        if self.dense is not None:
            self.dense.remove(number)
        if self.sparse is not None:
            self.sparse.remove(number)
