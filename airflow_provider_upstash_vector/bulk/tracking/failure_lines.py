"""Lines of a failures file: a row as JSON, with one more field, ``failure``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.sources import FAILURE_FIELD, InvalidValue, Unreadable
from airflow_provider_upstash_vector.bulk.sources.field_names import CHANGED, changed_fields
from airflow_provider_upstash_vector.client import exact_json
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectionFailed,
    InvalidRequest,
    InvalidResponse,
    TransportError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.metadata_json import json_of
from airflow_provider_upstash_vector.client.models import VectorUpdate
from airflow_provider_upstash_vector.client.models.base import RequestModel

_JSON_TYPES = (Mapping, list, tuple, str, int, float, type(None))
_MAX_REPR_CHARS = 200


class UnknownId(UpstashVectorError):
    """The index has no vector with the row's id, and ``on_missing`` is ``"fail"``."""


def failure_line(
    value: object, error: UpstashVectorError, *, number: int, file: str | None, place: int | str | None
) -> bytes:
    """Return a line for a row that was rejected, or failed with ``error``.

    The fields that JSON cannot hold are in ``changed``: each is replaced by a list with its ``repr``, which no
    field accepts. A row that is not a mapping is in the field ``raw``, and ``changed`` is ``["row"]``.
    """
    failure: dict[str, Any] = {"row": number, **describe(error)}
    if file is not None:
        failure["file"] = file
    if place is not None:
        failure["place" if isinstance(place, str) else "line"] = place
    members, changed = _members(value, sent=not isinstance(error, InvalidRequest))
    if changed:
        failure[CHANGED] = changed
    failure = {name: _text(part) if isinstance(part, str) else part for name, part in failure.items()}
    line: bytes = orjson.dumps({**members, FAILURE_FIELD: failure}, option=orjson.OPT_APPEND_NEWLINE)
    return line


def parsed(line: bytes) -> Any:
    """Return the JSON value of a line, ``None`` if it is not JSON."""
    try:
        return orjson.loads(line)
    except ValueError:
        return None


def failure_of(line: bytes) -> dict[str, Any] | None:
    """Return the ``failure`` of a line; ``None`` if it is not a line of a failures file."""
    row = parsed(line)
    failure = row.get(FAILURE_FIELD) if isinstance(row, dict) else None
    return failure if isinstance(failure, dict) else None


def describe(error: UpstashVectorError) -> dict[str, Any]:
    """Return an error as JSON values, and whether the row may have been applied."""
    if isinstance(error, InvalidRequest):
        return {"outcome": "rejected", "field": error.field, "reason": error.reason}
    if isinstance(error, UnknownId):
        return {"outcome": "missing", "reason": error.message}
    failure: dict[str, Any] = {"outcome": "failed", "reason": error.message, "attempts": error.attempts}
    if isinstance(error, ApiError):
        failure["status"] = error.status
    unknown = isinstance(error, TransportError) and not isinstance(error, ConnectionFailed)
    landed = unknown or isinstance(error, InvalidResponse) or failure.get("status", 0) >= 500
    return {**failure, "may_have_been_applied": landed}


def _members(value: object, *, sent: bool) -> tuple[dict[str, orjson.Fragment], list[str]]:
    """Return the JSON of the fields of a row, and the names of those that it does not have so."""
    fields = _fields(value, sent=sent)
    if fields is None:
        raw = value.text if isinstance(value, Unreadable) else _repr(value)
        return {"raw": orjson.Fragment(orjson.dumps(raw))}, ["row"]
    members, changed = {}, changed_fields(fields)
    for key, part in fields.items():
        if key == FAILURE_FIELD:
            continue
        name, encoded = _text(key), _json(part, sent=sent)
        if (encoded is None or name != key) and name not in changed:
            changed.append(name)
        members[name] = orjson.Fragment(encoded or orjson.dumps([_repr(part)]))
    return members, changed


def _fields(value: object, *, sent: bool) -> Mapping[Any, Any] | None:
    with suppress(Exception):  # a mapping of the row's own
        if isinstance(value, Mapping):
            return dict(value.items())
        if isinstance(value, RequestModel):
            fields = value.wire_fields()
            # it has null for a missing value, with which PATCH would delete
            if not sent and isinstance(value, VectorUpdate) and not value.can_patch:
                fields["metadata"] = InvalidValue(_repr(value.metadata), "")
            return fields
    return None


def _json(value: Any, *, sent: bool) -> bytes | None:
    """Return a value as JSON that a field takes for the same value, ``None`` if there is none.

    Missing values are null in a row that was ``sent``: it cannot have been a PATCH, where null deletes.
    """
    try:
        if not isinstance(value, Mapping) and hasattr(value, "indices") and hasattr(value, "values"):
            value = {"indices": value.indices, "values": value.values}
        sparse = isinstance(value, Mapping) and value.keys() == {"indices", "values"}
        if sparse and None in [_json(part, sent=sent) for part in value.values()]:
            return None  # a set would lose which value belongs to which index
        if not isinstance(value, _JSON_TYPES) and not isinstance(value.tolist(), _JSON_TYPES):
            return None  # for example a date, whose text might be another field's value
        try:
            return json_of(value, missing_as_null=sent)
        except InvalidRequest:
            return exact_json.dumps(value)  # integers beyond 64 bits
    except Exception:  # noqa: BLE001 - conversions are the row's own code
        return None


def _repr(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a __repr__ may raise anything
        text = f"<{type(value).__name__}>"
    return _text(text[:_MAX_REPR_CHARS])


def _text(value: object) -> str:
    """Return text that UTF-8 can encode."""
    text = str.__str__(value) if isinstance(value, str) else _repr(value)
    return text.encode(errors="backslashreplace").decode()
