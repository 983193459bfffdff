"""Calls that write vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest, UpstashVectorError
from airflow_provider_upstash_vector.client.filters import Filter, filter_text
from airflow_provider_upstash_vector.client.models import Data, Vector, VectorUpdate
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.client.wire.call import (
    Call,
    CallSequence,
    count,
    json_body,
    name,
    path,
    success,
)

MAX_ITEMS = 1_000
MAX_BODY_BYTES = 1024 * 1024


def upsert(vectors: Iterable[Vector | Mapping[str, Any]], namespace: str | None = None) -> CallSequence[int]:
    """Write whole vectors, and create the namespace if it does not exist; return how many were written.

    They are sent in order, in requests of at most 1,000 vectors and 1 MB; the iterable is read as they are sent.
    If a request fails, the error's ``written`` is the number of vectors already written. Safe to send again.
    """
    return _in_batches("upsert", _encoded(vectors, Vector), namespace)


def upsert_data(texts: Iterable[Data | Mapping[str, Any]], namespace: str | None = None) -> CallSequence[int]:
    """Write texts, which the index's model embeds; return how many were written.

    They are sent as by ``upsert``.
    """
    return _in_batches("upsert-data", _encoded(texts, Data), namespace)


def _encoded(items: Iterable[Any], kind: type[Vector | Data]) -> Iterator[bytes]:
    if isinstance(items, Mapping) or not isinstance(items, Iterable):
        raise InvalidRequest("items", f"must be a list or another iterable, got {validation.shown(items)}")
    for number, item in enumerate(items):
        try:
            encoded = kind.of(item).to_json()
        except InvalidRequest as error:
            raise InvalidRequest(f"item {number}, {error.field}", error.reason) from None
        yield encoded


def _in_batches(command: str, items: Iterator[bytes], namespace: str | None) -> CallSequence[int]:
    written = 0
    try:
        for batch in _batches(items):
            body = b"[" + b",".join(batch) + b"]"
            yield Call(command.replace("-", "_"), path(command, namespace), body, success, name(namespace))
            written += len(batch)
    except Exception as error:
        error.written = written  # type: ignore[attr-defined]  # also an error of the iterable
        if isinstance(error, UpstashVectorError) and error.call is None:
            error.add_context(call=command.replace("-", "_"), namespace=name(namespace), id=None, attempts=0)
        raise
    return written


def _batches(items: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = len(b"[]")
    for item in items:
        if batch and (len(batch) == MAX_ITEMS or size + len(item) + 1 > MAX_BODY_BYTES):
            yield batch
            batch, size = [], len(b"[]")
        batch.append(item)
        size += len(item) + len(b",")
    if batch:
        yield batch


def update(change: VectorUpdate | Mapping[str, Any], namespace: str | None = None) -> Call[int]:
    """Update one vector; return 1 if it exists, else 0. Safe to send again."""
    change = VectorUpdate.of(change)
    return encoded_update(path("update", namespace), change.to_json(), name(namespace), str(change.id))


def encoded_update(path: str, body: bytes, namespace: str, id: str) -> Call[int]:
    """Return the call of :func:`update` for an encoded path and body."""
    return Call("update", path, body, lambda result: count(result, "updated"), namespace, id)


def delete(
    ids: IdLike | Iterable[IdLike] | None = None,
    namespace: str | None = None,
    *,
    prefix: str | None = None,
    filter: str | Filter | None = None,
) -> CallSequence[int]:
    """Delete by exactly one of ids, prefix of the ids and filter; return how many were deleted.

    Ids are sent in requests of 1,000. Safe to send again; the vectors deleted by a request whose response was lost
    are not counted.
    """
    if sum(value is not None for value in (ids, prefix, filter)) != 1:
        raise InvalidRequest("delete", "set exactly one of ids, prefix and filter")
    if ids is not None:
        return _delete_ids(ids, namespace)
    text = None if filter is None else validation.text(filter_text(filter), "filter")
    prefix = None if prefix is None else validation.text(prefix, "prefix")
    if prefix == "" or text == "":
        raise InvalidRequest("delete", "an empty prefix or filter would delete everything: use reset for that")
    return _single(_delete_call({"prefix": prefix, "filter": text}, namespace))


def _delete_ids(ids: IdLike | Iterable[IdLike], namespace: str | None) -> CallSequence[int]:
    deleted = 0
    for batch in id_batches(ids):
        deleted += yield _delete_call({"ids": batch}, namespace)
    return deleted


def _delete_call(body: dict[str, Any], namespace: str | None) -> Call[int]:
    return Call(
        "delete",
        path("delete", namespace),
        json_body(body),
        lambda result: count(result, "deleted"),
        name(namespace),
    )


def _single(call: Call[int]) -> CallSequence[int]:
    result: int = yield call
    return result


def id_batches(ids: IdLike | Iterable[IdLike]) -> Iterator[Sequence[str]]:
    """Yield validated ids in lists of up to 1,000; a text or a number is a single id."""
    single = isinstance(ids, str | bytes | bytearray) or not isinstance(ids, Iterable)
    checked = map(validation.vector_id, [ids] if single else ids)  # type: ignore[arg-type]  # bytes are refused
    while batch := [*islice(checked, MAX_ITEMS)]:
        yield batch


def reset(namespace: str | None = None, *, all: bool = False) -> Call[None]:
    """Delete all vectors of a namespace, or of every one with ``all``; namespaces remain. Safe to send again."""
    if validation.flag(all, "all"):
        return Call("reset", "/reset?all", b"", success)
    return Call("reset", path("reset", namespace), b"", success, name(namespace))
