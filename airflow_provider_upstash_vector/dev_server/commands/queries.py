"""Commands that search: queries and resumable queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, ServerState
from airflow_provider_upstash_vector.dev_server.embedding import embed_dense, embed_sparse_query
from airflow_provider_upstash_vector.dev_server.models import Include, IndexSpec, shortest
from airflow_provider_upstash_vector.dev_server.ranking import (
    Floats,
    Ranking,
    distribution_based,
    fused,
    reciprocal_ranks,
)
from airflow_provider_upstash_vector.dev_server.responses import unprocessable
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQuery
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex

_MAX_TOP_K = 1_000
_DEFAULT_TOP_K = 10
_DEFAULT_MAX_IDLE_SECONDS = 3_600
_MAX_IDLE_SECONDS = 86_400
_FUSION = {"RRF": reciprocal_ranks, "DBSF": distribution_based}


def query(state: ServerState, request: Request) -> list[Any]:
    """Return the vectors nearest to a vector."""
    return _run_all(state, request, data=False)


def query_data(state: ServerState, request: Request) -> list[Any]:
    """Return the vectors nearest to a text."""
    return _run_all(state, request, data=True)


def _run_all(state: ServerState, request: Request, *, data: bool) -> list[Any]:
    items = payloads.items_of(request.json())
    queries = [_read_query(item, state.index.spec, data=data) for item in items]
    results = [_run(state, request.namespace, query) for query in queries]
    return results[0] if len(results) == 1 else results  # also for an array of one query


def _run(state: ServerState, namespace: str, query: _Query) -> list[dict[str, Any]]:
    rankings = query.rankings(state.index, namespace)
    ranking = rankings[0] if len(rankings) == 1 else fused(rankings, _FUSION[query.fusion])
    return _scored(state.index, namespace, ranking.first(query.top_k), query.include)


def resumable_query(state: ServerState, request: Request) -> dict[str, Any]:
    """Start a resumable query by vector."""
    return _start(state, request, data=False)


def resumable_query_data(state: ServerState, request: Request) -> dict[str, Any]:
    """Start a resumable query by text."""
    return _start(state, request, data=True)


def _start(state: ServerState, request: Request, *, data: bool) -> dict[str, Any]:
    body = request.json_object()
    query = _read_query(body, state.index.spec, data=data)
    max_idle = payloads.whole_number(body, "maxIdle", _DEFAULT_MAX_IDLE_SECONDS, _MAX_IDLE_SECONDS)
    if request.namespace not in state.index.store.namespaces():
        return {"uuid": "", "scores": []}
    rankings = query.rankings(state.index, request.namespace)
    active = ResumableQuery(request.namespace, rankings, _FUSION[query.fusion], query.include, max_idle)
    uuid = state.resumable_queries.start(active)
    return {"uuid": uuid, "scores": _take(state, active, query.top_k)}


def resumable_query_next(state: ServerState, request: Request) -> list[dict[str, Any]]:
    """Return the next results of a resumable query."""
    body = request.json_object()
    additional = payloads.whole_number(body, "additionalK", None, _MAX_TOP_K)
    return _take(state, state.resumable_queries.resume(body.get("uuid")), additional)


def resumable_query_end(state: ServerState, request: Request) -> str:
    """End a resumable query."""
    state.resumable_queries.end(request.json_object().get("uuid"))
    return "Success"


def _take(state: ServerState, active: ResumableQuery, count: int) -> list[dict[str, Any]]:
    return _scored(state.index, active.namespace, active.take(count), active.include)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """One query; with both a dense and a sparse vector, the two rankings are fused."""

    dense: Floats | None
    sparse: dict[int, float] | None
    top_k: int
    include: Include
    filter: str
    idf: bool
    fusion: str

    def rankings(self, index: VectorIndex, namespace: str) -> list[Ranking]:
        """Return the whole ranking by the dense vector, by the sparse one, or both."""
        columns, rows = index.columns(namespace), index.rows(namespace, self.filter)
        rankings: list[Ranking] = []
        if self.dense is not None and columns.dense is not None:
            rankings.append(columns.dense.rank(self.dense, index.spec.similarity, rows))
        if self.sparse is not None and columns.sparse is not None:
            rankings.append(columns.sparse.rank(self.sparse, idf=self.idf, rows=rows))
        return rankings


def _read_query(item: dict[str, Any], spec: IndexSpec, *, data: bool) -> _Query:
    dense, sparse = _from_text(item, spec) if data else _from_vectors(item, spec)
    filter = payloads.text_of(item, "filter") if item.get("filter") is not None else ""
    return _Query(
        dense=dense,
        sparse=sparse,
        top_k=payloads.whole_number(item, "topK", _DEFAULT_TOP_K, _MAX_TOP_K),
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
    weights: dict[int, float] = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        weights[index] = weights.get(index, 0.0) + value
    return dense, weights


def _from_text(item: dict[str, Any], spec: IndexSpec) -> tuple[Floats | None, dict[int, float] | None]:
    text = payloads.text_of(item, "data")
    payloads.check_embeds(spec)
    mode = payloads.choice(item, "queryMode", ("HYBRID", "DENSE", "SPARSE"))
    dense = embed_dense(text, spec.dimension) if spec.is_dense and mode != "SPARSE" else None
    sparse = embed_sparse_query(text) if spec.is_sparse and mode != "DENSE" else None
    if dense is None and sparse is None:
        raise unprocessable(f"This index has no {mode.lower()} vectors to query")
    return dense, sparse


def _scored(index: VectorIndex, namespace: str, ranking: Ranking, include: Include) -> list[dict[str, Any]]:
    numbers: list[int] = ranking.numbers.tolist()
    scores = dict(zip(numbers, shortest(ranking.scores), strict=True))
    return [
        {**record.to_dict(include), "score": scores[number]}
        for number, record in index.store.numbered(namespace, numbers)
    ]
