"""Commands that read vectors, namespaces and the state of the index."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, ServerState
from airflow_provider_upstash_vector.dev_server.models import Include
from airflow_provider_upstash_vector.dev_server.responses import bad_request

MAX_PREFIX_RESULTS = 1_000
MAX_RANGE_LIMIT = 1_000
_DEFAULT_RANGE_LIMIT = 10


def fetch(state: ServerState, request: Request) -> list[dict[str, Any] | None]:
    """Return vectors by id, or those whose id has a prefix."""
    body = request.json_object()
    include = payloads.include_of(body)
    message = "Only one of ids or prefix must be provided."
    if payloads.only_one_of(body, ("ids", "prefix"), message) == "ids":
        records = state.index.store.fetch(request.namespace, payloads.ids_of(body["ids"]))
    else:
        prefix = payloads.text_of(body, "prefix")
        records = [*state.index.store.fetch_prefix(request.namespace, prefix, MAX_PREFIX_RESULTS)]
    return [None if record is None else record.to_dict(include) for record in records]


def random(state: ServerState, request: Request) -> dict[str, Any] | None:
    """Return a random vector."""
    record = state.index.store.random(request.namespace)
    return None if record is None else record.to_dict(Include(vectors=True))


def range(state: ServerState, request: Request) -> dict[str, Any]:
    """Return a page of vectors in the order in which they were first written; cursors count them from 1."""
    body = request.json_object()
    include = payloads.include_of(body)
    limit = payloads.whole_number(body, "limit", _DEFAULT_RANGE_LIMIT, MAX_RANGE_LIMIT)
    prefix = payloads.text_of(body, "prefix") if body.get("prefix") is not None else ""
    rows = state.index.store.range(request.namespace, _cursor(body.get("cursor")), limit + 1, prefix)
    page = rows[:limit]
    return {
        "nextCursor": str(page[-1][0]) if len(rows) > limit else "",
        "vectors": [record.to_dict(include) for _, record in page],
    }


def _cursor(value: Any) -> int:
    text = "0" if value is None or value == "" else str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_request('Missing or wrong input: cursor must be "0" or the nextCursor of a response')
    return int(text)


def info(state: ServerState, _: Request) -> dict[str, Any]:
    """Return the properties and counts of the index."""
    spec = state.index.spec
    namespaces = {
        name: {"vectorCount": count, "pendingVectorCount": state.index.pending_count(name)}
        for name, count in sorted(state.index.store.counts().items())
    }
    result: dict[str, Any] = {
        "vectorCount": sum(counts["vectorCount"] for counts in namespaces.values()),
        "pendingVectorCount": sum(counts["pendingVectorCount"] for counts in namespaces.values()),
        "indexSize": state.index.store.size_bytes(),
        "dimension": spec.dimension if spec.is_dense else 0,
        "similarityFunction": spec.similarity if spec.is_dense else "",
        "indexType": spec.index_type,
        "namespaces": namespaces,
    }
    if spec.is_dense:
        result["denseIndex"] = {
            "dimension": spec.dimension,
            "similarityFunction": spec.similarity,
            "embeddingModel": spec.embedding_model,
        }
    if spec.is_sparse:
        result["sparseIndex"] = {"embeddingModel": spec.sparse_embedding_model}
    return result


def list_namespaces(state: ServerState, _: Request) -> list[str]:
    """Return the names of all namespaces."""
    return state.index.store.namespaces()
