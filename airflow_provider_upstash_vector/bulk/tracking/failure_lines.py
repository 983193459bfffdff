"""Lines of a failures file: a row as JSON, with one more field, ``failure``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.sources import FAILURE_FIELD, Unreadable
from airflow_provider_upstash_vector.client import exact_json
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectionFailed,
    InvalidRequest,
    InvalidResponse,
    TransportError,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import VectorUpdate

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS
_MAX_REPR_CHARS = 200


class UnknownId(UpstashVectorError):
    """The index has no vector with the row's id, and ``on_missing`` is ``"fail"``."""


def failure_line(
    value: object, error: UpstashVectorError, *, number: int, file: str | None, place: int | str | None
) -> bytes:
    """Return a line for a row that was rejected, or failed with ``error``."""
    failure: dict[str, Any] = {"row": number, **describe(error)}
    if file is not None:
        failure["file"] = file
    if place is not None:
        failure["place" if isinstance(place, str) else "line"] = place
    members = {_text(name): _json(part) for name, part in _fields(value).items() if name != FAILURE_FIELD}
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
    """Return an error as JSON values, and whether the update may have been applied."""
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


def _fields(value: object) -> Mapping[Any, Any]:
    with suppress(Exception):  # a mapping of the row's own
        if isinstance(value, Mapping):
            return dict(value.items())
        if isinstance(value, VectorUpdate):
            return value.wire_fields()
    return {"raw": value.text if isinstance(value, Unreadable) else _repr(value)}


def _json(value: object) -> orjson.Fragment:
    """Return a value as JSON, or, if that would change it, a list with its ``repr``."""
    try:
        if not getattr(getattr(value, "dtype", None), "isnative", True):  # orjson takes no other byte order
            value = _plain(value)
        try:
            encoded = orjson.dumps(value, default=_plain, option=_OPTIONS)
        except TypeError:
            encoded = exact_json.dumps(value)  # integers beyond 64 bits
        if b"null" in encoded and not _all_finite(value):  # orjson writes NaN as null
            raise ValueError
    except Exception:  # noqa: BLE001 - conversions are the row's own code
        encoded = orjson.dumps([_repr(value)])
    return orjson.Fragment(encoded)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist()  # tensors, and arrays that orjson does not support; raises for anything else


def _all_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_all_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_all_finite, value))
    if hasattr(value, "tolist"):
        return _all_finite(value.tolist())
    return not isinstance(value, float) or math.isfinite(value)


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
