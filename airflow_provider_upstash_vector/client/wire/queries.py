"""The calls that search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from airflow_provider_upstash_vector.client import fields
from airflow_provider_upstash_vector.client.errors import InvalidUpdate
from airflow_provider_upstash_vector.client.models import (
    DataQueryOptions,
    NumbersLike,
    Query,
    QueryOptions,
    QueryResult,
    ResumableResults,
)
from airflow_provider_upstash_vector.client.wire.call import Call, json_body, path, success
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS

if TYPE_CHECKING:
    from typing_extensions import Unpack

_RESULTS = TypeAdapter(list[QueryResult])
_MANY = TypeAdapter(list[list[QueryResult]])
_STARTED = TypeAdapter(ResumableResults)


def query(
    vector: NumbersLike | None = None, namespace: str | None = None, **options: Unpack[QueryOptions]
) -> Call[list[QueryResult]]:
    """Find the vectors nearest to a vector, a sparse vector, both, or a text (``data``); best first.

    Options are the fields of :class:`Query`: ``sparse_vector``, ``data``, ``top_k`` (10; up to 1,000), ``filter``,
    ``include_vectors``, ``include_metadata``, ``include_data``; ``weighting_strategy`` (``IDF``, for sparse
    vectors); ``fusion_algorithm`` (``RRF`` or ``DBSF``, on hybrid indexes); ``query_mode`` (``HYBRID``, ``DENSE``
    or ``SPARSE``, for texts on hybrid indexes). Safe to send again.
    """
    query = Query(vector=vector, **options)
    return Call(
        "query", path(query.command, namespace), query.to_json(), _RESULTS.validate_python, namespace or ""
    )


def query_data(
    data: str, namespace: str | None = None, **options: Unpack[DataQueryOptions]
) -> Call[list[QueryResult]]:
    """Find the vectors nearest to a text, in an index with an embedding model: ``query`` with ``data``."""
    return query(None, namespace, data=fields.data(data), **options)


def query_many(
    queries: Sequence[Query | Mapping[str, Any]], namespace: str | None = None
) -> Call[list[list[QueryResult]]]:
    """Run up to 1,000 queries in one request, all of them by vectors or all by text; return a list for each.

    A query is given as :class:`Query` or as a mapping with its fields. Safe to send again.
    """
    checked = [Query.of(query) for query in queries]
    if not 1 <= len(checked) <= MAX_ITEMS:
        raise InvalidUpdate("queries", f"must be 1 to {MAX_ITEMS:,}, got {len(checked):,}")
    commands = {query.command for query in checked}
    if len(commands) > 1:
        raise InvalidUpdate("queries", "must be all by vectors or all by data, not some of each")
    body = b"[" + b",".join(query.to_json() for query in checked) + b"]"
    # An array of one query is answered as that query alone would be.
    read = _MANY.validate_python if len(checked) > 1 else lambda result: [_RESULTS.validate_python(result)]
    return Call("query_many", path(commands.pop(), namespace), body, read, namespace or "")


def resumable_query(
    vector: NumbersLike | None = None,
    namespace: str | None = None,
    *,
    max_idle: int = 3600,
    **options: Unpack[QueryOptions],
) -> Call[ResumableResults]:
    """Begin a query that can go on: a context manager with the first ``results`` and ``fetch_next(additional_k)``.

    Options are those of ``query``. The query ends with the context, and by itself after ``max_idle`` seconds
    without a request. Beginning it is safe to send again; ``fetch_next`` is not sent again after a lost answer,
    since that would skip the results in it.
    """
    if isinstance(max_idle, bool) or not isinstance(max_idle, int) or max_idle < 1:
        raise InvalidUpdate("max_idle", f"must be a whole number of seconds, got {fields.shown(max_idle)}")
    query = Query(vector=vector, **options)
    body = json_body({**query.wire_fields(), "maxIdle": max_idle})
    command = path(f"resumable-{query.command}", namespace)
    return Call("resumable_query", command, body, _STARTED.validate_python, namespace or "")


def resumable_query_next(uuid: str, additional_k: int) -> Call[list[QueryResult]]:
    """Ask for the next results. Not sent again after a lost answer, which would skip the results in it."""
    if not isinstance(additional_k, int) or not 1 <= additional_k <= MAX_ITEMS:
        reason = f"must be from 1 to {MAX_ITEMS:,}, got {fields.shown(additional_k)}"
        raise InvalidUpdate("additional_k", reason)
    body = json_body({"uuid": uuid, "additionalK": additional_k})
    return Call("resumable_query_next", "/resumable-query-next", body, _RESULTS.validate_python, repeatable=False)


def resumable_query_end(uuid: str) -> Call[None]:
    """End a query. Safe to send again, but the service refuses one that has ended."""
    return Call("resumable_query_end", "/resumable-query-end", json_body({"uuid": uuid}), success)
