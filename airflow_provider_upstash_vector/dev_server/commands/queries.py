"""Commands that search."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.commands.base import Request, Server
from airflow_provider_upstash_vector.dev_server.queries import MAX_TOP_K, Query, read_query, scored
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQuery

_DEFAULT_MAX_IDLE_SECONDS = 3_600
_MAX_IDLE_SECONDS = 86_400


def query(server: Server, request: Request) -> list[Any]:
    """Find the vectors nearest to a vector."""
    return _run_all(server, request, data=False)


def query_data(server: Server, request: Request) -> list[Any]:
    """Find the vectors nearest to a text."""
    return _run_all(server, request, data=True)


def _run_all(server: Server, request: Request, *, data: bool) -> list[Any]:
    items = payloads.items_of(request.json())
    queries = [read_query(item, server.index.spec, data=data) for item in items]
    results = [_run(server, request.namespace, query) for query in queries]
    return results[0] if len(results) == 1 else results  # also where the one query stands in an array


def _run(server: Server, namespace: str, query: Query) -> list[dict[str, Any]]:
    ranking = query.rank(server.index, namespace, query.top_k)
    return scored(server.index, namespace, ranking, query.include)


def resumable_query(server: Server, request: Request) -> dict[str, Any]:
    """Begin a query by vector that can go on."""
    return _start(server, request, data=False)


def resumable_query_data(server: Server, request: Request) -> dict[str, Any]:
    """Begin a query by text that can go on."""
    return _start(server, request, data=True)


def _start(server: Server, request: Request, *, data: bool) -> dict[str, Any]:
    body = request.json_object()
    query = read_query(body, server.index.spec, data=data)
    max_idle = payloads.whole_number(body, "maxIdle", _DEFAULT_MAX_IDLE_SECONDS, _MAX_IDLE_SECONDS)
    ranking = query.rank(server.index, request.namespace, None)
    active = ResumableQuery(request.namespace, ranking, query.include, max_idle)
    uuid = server.resumable_queries.start(active)
    return {"uuid": uuid, "scores": _take(server, active, query.top_k)}


def resumable_query_next(server: Server, request: Request) -> list[dict[str, Any]]:
    """Give the next results of a query."""
    body = request.json_object()
    additional = payloads.whole_number(body, "additionalK", None, MAX_TOP_K)
    return _take(server, server.resumable_queries.resume(body.get("uuid")), additional)


def resumable_query_end(server: Server, request: Request) -> str:
    """End a query."""
    server.resumable_queries.end(request.json_object().get("uuid"))
    return "Success"


def _take(server: Server, active: ResumableQuery, count: int) -> list[dict[str, Any]]:
    return scored(server.index, active.namespace, active.take(count), active.include)
