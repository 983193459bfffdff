"""Commands that read vectors by id, by position or at random, and the state of the index."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, Server
from airflow_provider_upstash_vector.dev_server.errors import bad_request
from airflow_provider_upstash_vector.dev_server.records import Include, shown

MAX_PREFIX_RESULTS = 1_000
MAX_RANGE_LIMIT = 1_000
_DEFAULT_RANGE_LIMIT = 10


def fetch(server: Server, request: Request) -> list[dict[str, Any] | None]:
    """Read vectors by id, or those whose id has a prefix."""
    body = request.json_object()
    include = payloads.include_of(body)
    if payloads.only_one_of(body, "ids", "prefix") == "ids":
        records = server.index.store.fetch(request.namespace, payloads.ids_of(body["ids"]))
    else:
        prefix = payloads.text_of(body, "prefix")
        records = [*server.index.store.fetch_prefix(request.namespace, prefix, MAX_PREFIX_RESULTS)]
    return [None if record is None else shown(record, include) for record in records]


def random(server: Server, request: Request) -> dict[str, Any] | None:
    """Read any vector."""
    record = server.index.store.random(request.namespace)
    return None if record is None else shown(record, Include(vectors=True))


def range(server: Server, request: Request) -> dict[str, Any]:
    """Read a page of vectors in the order in which they were first written."""
    body = request.json_object()
    include = payloads.include_of(body)
    limit = payloads.whole_number(body, "limit", _DEFAULT_RANGE_LIMIT, MAX_RANGE_LIMIT)
    prefix = payloads.text_of(body, "prefix") if body.get("prefix") is not None else ""
    found = server.index.store.range(request.namespace, _cursor(body.get("cursor")), limit + 1, prefix)
    page = found[:limit]
    return {
        "nextCursor": str(page[-1][0]) if len(found) > limit else "",
        "vectors": [shown(record, include) for _, record in page],
    }


def _cursor(value: Any) -> int:
    text = "0" if value is None or value == "" else str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_request('Missing or wrong input: cursor must be "0" or that of the answer before')
    return int(text)


def info(server: Server, _: Request) -> dict[str, Any]:
    """Describe the index."""
    spec = server.index.spec
    namespaces = {
        name: {"vectorCount": count, "pendingVectorCount": server.index.pending_count(name)}
        for name, count in sorted(server.index.store.counts().items())
    }
    answer: dict[str, Any] = {
        "vectorCount": sum(counts["vectorCount"] for counts in namespaces.values()),
        "pendingVectorCount": sum(counts["pendingVectorCount"] for counts in namespaces.values()),
        "indexSize": server.index.store.size_bytes(),
        "dimension": spec.dimension if spec.is_dense else 0,
        "similarityFunction": spec.similarity if spec.is_dense else "",
        "indexType": spec.index_type,
        "namespaces": namespaces,
    }
    if spec.is_dense:
        answer["denseIndex"] = {
            "dimension": spec.dimension,
            "similarityFunction": spec.similarity,
            "embeddingModel": spec.embedding_model,
        }
    if spec.is_sparse:
        answer["sparseIndex"] = {"embeddingModel": spec.sparse_embedding_model}
    return answer
