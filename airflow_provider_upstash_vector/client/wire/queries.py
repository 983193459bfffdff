"""Calls that query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import (
    DataQueryOptions,
    NumbersLike,
    Query,
    QueryOptions,
    QueryResult,
    ResumableResults,
)
from airflow_provider_upstash_vector.client.wire.call import Call, CallSequence, json_body, name, path, success
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS
from airflow_provider_upstash_vector.plurals import plural

if TYPE_CHECKING:
    from typing_extensions import Unpack

# One day; the service does not document a limit.
MAX_IDLE_SECONDS = 86_400

T = TypeVar("T")

_RESULTS = TypeAdapter(list[QueryResult])
_RESULT_LISTS = TypeAdapter(list[list[QueryResult]])
_RESUMABLE = TypeAdapter(ResumableResults)


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
        "query", path(query.command, namespace), query.to_json(), _RESULTS.validate_python, name(namespace)
    )


def query_data(
    data: str, namespace: str | None = None, **options: Unpack[DataQueryOptions]
) -> Call[list[QueryResult]]:
    """Find the vectors nearest to a text, in an index with an embedding model: ``query`` with ``data``."""
    return query(None, namespace, data=validation.data(data), **options)


def query_many(
    queries: Sequence[Query | Mapping[str, Any]], namespace: str | None = None
) -> Call[list[list[QueryResult]]]:
    """Run up to 1,000 queries in one request, all by vectors or all by text; return a list of results for each.

    A query is a :class:`Query` or a mapping of its fields. Safe to send again.
    """
    if isinstance(queries, Mapping) or not isinstance(queries, Sequence):
        raise InvalidRequest("queries", f"must be a list of queries, got {validation.shown(queries)}")
    checked = [Query.of(query) for query in queries]
    if not 1 <= len(checked) <= MAX_ITEMS:
        raise InvalidRequest("queries", f"must be 1 to {MAX_ITEMS:,}, got {len(checked):,}")
    commands = {query.command for query in checked}
    if len(commands) > 1:
        raise InvalidRequest("queries", "must be either all by vectors or all by data")
    body = b"[" + b",".join(query.to_json() for query in checked) + b"]"
    return Call(
        "query_many", path(commands.pop(), namespace), body, partial(_read_many, len(checked)), name(namespace)
    )


def _read_many(expected: int, result: Any) -> list[list[QueryResult]]:
    if expected == 1:  # the response to an array of one query is that of a single query
        return [_RESULTS.validate_python(result)]
    results = _RESULT_LISTS.validate_python(result)
    if len(results) != expected:
        raise ValueError(f"expected {plural(expected, 'list')} of results, got {len(results)}")
    return results


def resumable_query(
    vector: NumbersLike | None = None,
    namespace: str | None = None,
    *,
    max_idle: int = 3600,
    **options: Unpack[QueryOptions],
) -> Call[ResumableResults]:
    """Start a query that can be continued: a context manager with ``results`` and ``fetch_next(additional_k)``.

    Options are those of ``query``. The query ends with the context, or after ``max_idle`` seconds without a
    request. Starting it is safe to send again; ``fetch_next`` is not sent again after a lost response, since that
    would skip the results in it.
    """
    query = Query(vector=vector, **options)
    body = json_body(
        {**query.wire_fields(), "maxIdle": validation.whole_number(max_idle, "max_idle", MAX_IDLE_SECONDS)}
    )
    command = path(f"resumable-{query.command}", namespace)
    return Call("resumable_query", command, body, _RESUMABLE.validate_python, name(namespace))


def resumable_query_next(uuid: str, additional_k: int) -> CallSequence[list[QueryResult]]:
    """Request the next results. Not sent again after a lost response: the results in it would be skipped.

    Sends nothing for the uuid ``""``, which a query of an unknown namespace has: there are no results.
    """
    count = validation.whole_number(additional_k, "additional_k", MAX_ITEMS)
    body = json_body({"uuid": uuid, "additionalK": count})
    call = Call("resumable_query_next", "/resumable-query-next", body, _RESULTS.validate_python, idempotent=False)
    return _if_started(uuid, call, [])


def resumable_query_end(uuid: str) -> CallSequence[None]:
    """End a query. Safe to send again; the service responds with an error if it has ended.

    Sends nothing for the uuid ``""``.
    """
    call = Call("resumable_query_end", "/resumable-query-end", json_body({"uuid": uuid}), success)
    return _if_started(uuid, call, None)


def _if_started(uuid: str, call: Call[T], otherwise: T) -> CallSequence[T]:
    if uuid == "":
        return otherwise
    result: T = yield call
    return result
