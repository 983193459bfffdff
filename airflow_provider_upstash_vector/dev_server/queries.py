"""Queries: their bodies read and checked, and run against the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.embedding import embed_dense, embed_sparse_query
from airflow_provider_upstash_vector.dev_server.errors import unprocessable
from airflow_provider_upstash_vector.dev_server.index import IndexSpec
from airflow_provider_upstash_vector.dev_server.ranking import (
    Floats,
    Ranking,
    distribution_based,
    fused,
    reciprocal_ranks,
)
from airflow_provider_upstash_vector.dev_server.records import Include, shown
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex

MAX_TOP_K = 1_000
_DEFAULT_TOP_K = 10

_FUSION = {"RRF": reciprocal_ranks, "DBSF": distribution_based}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query; on a hybrid index with both vectors, the two rankings are fused."""

    dense: Floats | None
    sparse: dict[int, float] | None
    top_k: int
    include: Include
    filter: str
    idf: bool
    fusion: str

    def rank(self, index: VectorIndex, namespace: str, limit: int | None) -> Ranking:
        """Return the best ``limit`` rows, or all. A fusion takes as many from each of its rankings."""
        columns, rows = index.columns(namespace), index.rows(namespace, self.filter)
        rankings: list[Ranking] = []
        if self.dense is not None and columns.dense is not None:
            rankings.append(columns.dense.rank(self.dense, index.spec.similarity, rows, limit))
        if self.sparse is not None and columns.sparse is not None:
            rankings.append(columns.sparse.rank(self.sparse, idf=self.idf, rows=rows, limit=limit))
        if len(rankings) == 1:
            return rankings[0]
        return fused(rankings, _FUSION[self.fusion]).first(limit or len(rankings[0].numbers) * 2)


def read_query(item: dict[str, Any], spec: IndexSpec, *, data: bool) -> Query:
    """Read one query by vectors, or with ``data`` by text."""
    dense, sparse = _from_text(item, spec) if data else _from_vectors(item, spec)
    filter = payloads.text_of(item, "filter") if item.get("filter") is not None else ""
    return Query(
        dense=dense,
        sparse=sparse,
        top_k=payloads.whole_number(item, "topK", _DEFAULT_TOP_K, MAX_TOP_K),
        include=payloads.include_of(item),
        filter=filter.strip(),
        idf=payloads.choice(item, "weightingStrategy", ("NONE", "IDF")) == "IDF",
        fusion=payloads.choice(item, "fusionAlgorithm", tuple(_FUSION)),
    )


def _from_vectors(item: dict[str, Any], spec: IndexSpec) -> tuple[Floats | None, dict[int, float] | None]:
    has_dense, has_sparse = item.get("vector") is not None, item.get("sparseVector") is not None
    if (has_sparse and not spec.is_sparse) or not (has_dense or has_sparse or spec.index_type == "SPARSE"):
        raise unprocessable("This index requires dense vectors")
    if (has_dense and not spec.is_dense) or not (has_dense or has_sparse):
        raise unprocessable("This index requires sparse vectors")
    dense = payloads.dense_vector(item["vector"], spec) if has_dense else None
    if not has_sparse:
        return dense, None
    indices, values = payloads.sparse_vector(item["sparseVector"])
    return dense, dict(zip(indices.tolist(), values.tolist(), strict=True))


def _from_text(item: dict[str, Any], spec: IndexSpec) -> tuple[Floats | None, dict[int, float] | None]:
    text = payloads.text_of(item, "data")
    payloads.check_embeds(spec)
    mode = payloads.choice(item, "queryMode", ("HYBRID", "DENSE", "SPARSE"))
    dense = embed_dense(text, spec.dimension) if spec.is_dense and mode != "SPARSE" else None
    sparse = embed_sparse_query(text) if spec.is_sparse and mode != "DENSE" else None
    if dense is None and sparse is None:
        raise unprocessable(f"This index has no {mode.lower()} vectors to query")
    return dense, sparse


def scored(index: VectorIndex, namespace: str, ranking: Ranking, include: Include) -> list[dict[str, Any]]:
    """Return the vectors of a ranking that are still there as JSON, with their scores."""
    numbers: list[int] = ranking.numbers.tolist()
    scores = dict(zip(numbers, np.asarray(ranking.scores, dtype=np.float64).tolist(), strict=True))
    items = []
    for number, record in index.store.numbered(namespace, numbers):
        items.append({**shown(record, include), "score": scores[number]})
    return items
