"""The service's commands: what each takes, whether it writes, and what it answers.

A command is a function of the index, the namespace and the request's body; it returns the ``result``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.index import IndexSpec
from airflow_provider_upstash_vector.dev_server.payloads import Include, Record
from airflow_provider_upstash_vector.dev_server.refusal import bad_request
from airflow_provider_upstash_vector.dev_server.store import Store

MAX_PREFIX_RESULTS = 1_000


@dataclass(frozen=True, slots=True)
class Index:
    """What the commands act on."""

    spec: IndexSpec
    store: Store


@dataclass(frozen=True, slots=True)
class Request:
    """What a command is given: the namespace of the path, the body and the query string."""

    namespace: str
    body: bytes
    query: str

    def json(self) -> Any:
        """Return the body as JSON."""
        return payloads.read_json(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command and the rules that hold before it is run."""

    run: Callable[[Index, Request], Any]
    writes: bool
    methods: frozenset[str] = frozenset({"POST"})
    takes_namespace: bool = True


def update(index: Index, request: Request) -> dict[str, int]:
    """Change one vector."""
    change, mode = payloads.update_record(payloads.object_of(request.json()), index.spec)
    return {"updated": index.store.update(request.namespace, change, mode)}


def upsert(index: Index, request: Request) -> str:
    """Write one vector, or up to 1,000."""
    items = payloads.items_of(request.json())
    index.store.upsert(request.namespace, [payloads.upsert_record(item, index.spec) for item in items])
    return "Success"


def upsert_data(index: Index, request: Request) -> str:
    """Write one text, or up to 1,000, as vectors."""
    items = payloads.items_of(request.json())
    index.store.upsert(request.namespace, [payloads.upsert_data_record(item, index.spec) for item in items])
    return "Success"


def fetch(index: Index, request: Request) -> list[dict[str, Any] | None]:
    """Read vectors by id, or those whose id has a prefix."""
    body = payloads.object_of(request.json())
    include = Include.of(body)
    if (body.get("ids") is None) == (body.get("prefix") is None):
        raise bad_request("Missing or wrong input: exactly one of ids and prefix must be given")
    if body.get("ids") is not None:
        records = index.store.fetch(request.namespace, _ids(body["ids"]))
    else:
        prefix = _text(body["prefix"], "prefix")
        records = [*index.store.fetch_prefix(request.namespace, prefix, MAX_PREFIX_RESULTS)]
    return [None if record is None else shown(record, include) for record in records]


def delete(index: Index, request: Request) -> dict[str, int]:
    """Delete vectors by id."""
    body = request.json()
    ids = body if isinstance(body, list) else payloads.object_of(body).get("ids")
    return {"deleted": index.store.delete(request.namespace, _ids(ids))}


def reset(index: Index, request: Request) -> str:
    """Empty one namespace, or all."""
    if "all" in request.query.split("&"):
        index.store.reset_all()
    else:
        index.store.reset(request.namespace)
    return "Success"


def info(index: Index, _: Request) -> dict[str, Any]:
    """Describe the index."""
    spec, counts = index.spec, index.store.counts()
    answer: dict[str, Any] = {
        "vectorCount": sum(counts.values()),
        "pendingVectorCount": 0,
        "indexSize": index.store.size_bytes(),
        "dimension": spec.dimension if spec.is_dense else 0,
        "similarityFunction": spec.similarity if spec.is_dense else "",
        "indexType": spec.index_type,
        "namespaces": {
            name: {"vectorCount": count, "pendingVectorCount": 0} for name, count in sorted(counts.items())
        },
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


COMMANDS: dict[str, Command] = {
    "update": Command(run=update, writes=True),
    "upsert": Command(run=upsert, writes=True),
    "upsert-data": Command(run=upsert_data, writes=True),
    "fetch": Command(run=fetch, writes=False, methods=frozenset({"GET", "POST"})),
    "delete": Command(run=delete, writes=True, methods=frozenset({"DELETE", "POST"})),
    "reset": Command(run=reset, writes=True, methods=frozenset({"DELETE", "POST"})),
    "info": Command(run=info, writes=False, methods=frozenset({"GET", "POST"}), takes_namespace=False),
}


def shown(record: Record, include: Include) -> dict[str, Any]:
    """Return a vector as JSON, with what is asked for and the vector has."""
    item: dict[str, Any] = {"id": record.id}
    if include.vectors:
        if record.dense is not None:
            item["vector"] = _shortest(record.dense)
        if record.sparse_indices is not None and record.sparse_values is not None:
            indices = np.frombuffer(record.sparse_indices, dtype=np.int32)
            item["sparseVector"] = {"indices": indices.tolist(), "values": _shortest(record.sparse_values)}
    if include.metadata and record.metadata is not None:
        item["metadata"] = json.loads(record.metadata)
    if include.data and record.data is not None:
        item["data"] = record.data
    return item


def _shortest(values: bytes) -> list[float]:
    return [float(str(value)) for value in np.frombuffer(values, dtype=np.float32)]


def _ids(value: Any) -> list[str]:
    ids = value if isinstance(value, list) else [value]
    if len(ids) > payloads.MAX_ITEMS:
        raise bad_request(f"Too many ids in one request: {len(ids)}, at most {payloads.MAX_ITEMS}")
    return [payloads.id_of(id) for id in ids]


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise bad_request(f"Missing or wrong input: {name} must be a string")
    return value
