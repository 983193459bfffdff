"""Calls that read vectors by id, in pages, or at random."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from functools import partial
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector, RangePage
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.client.wire.call import Call, CallSequence, json_body, member, name, path
from airflow_provider_upstash_vector.client.wire.writes import MAX_ITEMS, id_batches
from airflow_provider_upstash_vector.plurals import plural

_VECTORS = TypeAdapter(list[FetchedVector | None])
_VECTOR = TypeAdapter(FetchedVector | None)
_PAGE = TypeAdapter(RangePage)


def fetch(
    ids: IdLike | Iterable[IdLike] | None = None,
    namespace: str | None = None,
    *,
    prefix: str | None = None,
    include_vectors: bool = False,
    include_metadata: bool = False,
    include_data: bool = False,
) -> CallSequence[list[FetchedVector | None]]:
    """Read vectors in the order of ``ids``, ``None`` for an unknown one; or up to 1,000 by prefix of the id.

    Ids are sent in requests of 1,000. Safe to send again.
    """
    if (ids is None) == (prefix is None):
        raise InvalidRequest("fetch", "set exactly one of ids and prefix")
    include = _include(include_vectors, include_metadata, include_data)
    if ids is None:
        return _fetch_all([_fetch_call({"prefix": _prefix(prefix), **include}, namespace)])
    return _fetch_all([_fetch_call({"ids": batch, **include}, namespace, len(batch)) for batch in id_batches(ids)])


def _fetch_call(
    content: dict[str, object], namespace: str | None, expected: int | None = None
) -> Call[list[FetchedVector | None]]:
    def read(result: object) -> list[FetchedVector | None]:
        vectors = _VECTORS.validate_python(result)
        _check_ids([vector.id for vector in vectors if vector], content.get("prefix"))
        if expected not in {None, len(vectors)}:
            raise ValueError(f"expected {plural(expected, 'entry', 'entries')}, got {len(vectors)}")
        return vectors

    return Call("fetch", path("fetch", namespace), json_body(content), read, name(namespace))


def _fetch_all(calls: list[Call[list[FetchedVector | None]]]) -> CallSequence[list[FetchedVector | None]]:
    vectors: list[FetchedVector | None] = []
    for call in calls:
        vectors += yield call
    return vectors


def range(
    namespace: str | None = None,
    *,
    prefix: str | None = None,
    page_size: int = 100,
    include_vectors: bool = False,
    include_metadata: bool = False,
    include_data: bool = False,
) -> Generator[Call[RangePage], RangePage, None]:
    """Iterate over all vectors of a namespace, or those whose id starts with ``prefix``.

    Reads ``page_size`` (up to 1,000) at a time and holds one page in memory. Safe to send again.
    """
    include = _include(include_vectors, include_metadata, include_data)
    limit = validation.whole_number(page_size, "page_size", MAX_ITEMS)
    return _pages(namespace, {"prefix": _prefix(prefix), "limit": limit, **include})


def _pages(namespace: str | None, content: dict[str, object]) -> Generator[Call[RangePage], RangePage, None]:
    cursor = "0"
    while cursor:
        body = json_body({"cursor": cursor, **content})
        read = partial(_read_page, cursor, content["prefix"])
        page = yield Call("range", path("range", namespace), body, read, name(namespace))
        cursor = page.next_cursor


class PlainPage(NamedTuple):
    """A page of vectors as the service returns them, each an object with an ``id``."""

    next_cursor: str
    vectors: list[dict[str, Any]]


def range_page(
    namespace: str | None = None,
    *,
    cursor: str = "0",
    prefix: str | None = None,
    page_size: int = MAX_ITEMS,
    include_vectors: bool = False,
    include_metadata: bool = False,
    include_data: bool = False,
) -> Call[PlainPage]:
    """Read the page at ``cursor``, whose ``next_cursor`` is ``""`` at the end, without checking its vectors."""
    include = _include(include_vectors, include_metadata, include_data)
    body = json_body({"cursor": cursor, "prefix": _prefix(prefix), "limit": page_size, **include})
    read = partial(_read_plain_page, cursor, prefix)
    return Call("range", path("range", namespace), body, read, name(namespace))


def _read_plain_page(cursor: str, prefix: str | None, result: object) -> PlainPage:
    vectors = member(result, "vectors", list)
    if not all(type(vector) is dict and type(vector.get("id")) is str for vector in vectors):
        raise ValueError("each vector must be an object with an id")
    _check_ids([vector["id"] for vector in vectors], prefix)
    return PlainPage(_moved(cursor, member(result, "nextCursor", str)), vectors)


def _read_page(cursor: str, prefix: object, result: object) -> RangePage:
    page = _PAGE.validate_python(result)
    _check_ids([vector.id for vector in page.vectors], prefix)
    _moved(cursor, page.next_cursor)
    return page


def _check_ids(ids: Iterable[str], prefix: object) -> None:
    """Raise ``ValueError`` for an id without the prefix: what is read by prefix may be deleted."""
    if isinstance(prefix, str) and not all(id.startswith(prefix) for id in ids):
        raise ValueError(f"each id must begin with {prefix!r}")


def _moved(cursor: str, next_cursor: str) -> str:
    if next_cursor == cursor:
        raise ValueError(f"the cursor {cursor!r} was returned again, which would loop forever")
    return next_cursor


def random(namespace: str | None = None) -> Call[FetchedVector | None]:
    """Read a random vector, ``None`` from an empty namespace. Safe to send again."""
    return Call("random", path("random", namespace), b"", _VECTOR.validate_python, name(namespace))


def _include(vectors: bool, metadata: bool, data: bool) -> dict[str, bool]:  # noqa: FBT001 - in the order of the API
    return {
        "includeVectors": validation.flag(vectors, "include_vectors"),
        "includeMetadata": validation.flag(metadata, "include_metadata"),
        "includeData": validation.flag(data, "include_data"),
    }


def _prefix(prefix: str | None) -> str | None:
    return None if prefix is None else validation.text(prefix, "prefix")
