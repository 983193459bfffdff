"""Each API call as path and body bytes, and how its answer is read. Pure: nothing here opens a socket.

Every call is a POST: the service takes it at every endpoint, as its own SDKs do, and HTTP libraries
never send a POST a second time of their own accord.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Generic, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from airflow_provider_upstash_vector import __version__
from airflow_provider_upstash_vector.client import fields
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    InvalidUpdate,
    MalformedAnswer,
    QuotaExceeded,
    error_class,
)
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo, Vector, VectorUpdate

T = TypeVar("T")

_SHOWN_CHARS = 300
_NO_JSON = object()
_FETCHED = TypeAdapter(list[FetchedVector | None])
_INFO = TypeAdapter(IndexInfo)


def headers(token: str) -> dict[str, str]:
    """Return the headers of every request. Compression is declined, so that 16 MB read is 16 MB held."""
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"airflow-provider-upstash-vector/{__version__}",
    }


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One API call. ``read`` turns the ``result`` of the answer into ``T``, or raises ``ValueError``.

    ``namespace`` is ``None`` where the call has none, ``id`` where it concerns no single vector.
    """

    name: str
    path: str
    body: bytes
    read: Callable[[Any], T]
    namespace: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, case-insensitive headers, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def update(change: VectorUpdate, namespace: str = "") -> Call[int]:
    """Change one vector: 1 where it was found, else 0."""
    path = _path("update", namespace)
    return Call("update", path, change.to_json(), _updated_count, namespace, change.id)


def upsert(vectors: Iterable[Vector | Mapping[str, Any]], namespace: str = "") -> Call[None]:
    """Write whole vectors, all in one request."""
    bodies = [Vector.of(vector).to_json() for vector in vectors]
    if not bodies:
        raise InvalidUpdate("vectors", "must not be empty")
    return Call("upsert", _path("upsert", namespace), b"[" + b",".join(bodies) + b"]", _success, namespace)


def fetch(
    ids: Sequence[str],
    namespace: str = "",
    *,
    include_vectors: bool = False,
    include_metadata: bool = False,
    include_data: bool = False,
) -> Call[list[FetchedVector | None]]:
    """Read vectors by id, in the order asked for; ``None`` for an unknown id."""
    if isinstance(ids, str):
        raise InvalidUpdate("ids", "must be a list of ids, not one text")
    body = {
        "ids": [fields.vector_id(id) for id in ids],
        "includeVectors": include_vectors,
        "includeMetadata": include_metadata,
        "includeData": include_data,
    }
    path = _path("fetch", namespace)
    return Call("fetch", path, orjson.dumps(body), _FETCHED.validate_python, namespace)


def info() -> Call[IndexInfo]:
    """Read the counts and properties of the index."""
    return Call("info", "/info", b"", _INFO.validate_python)


def reset(namespace: str = "") -> Call[None]:
    """Empty one namespace."""
    return Call("reset", _path("reset", namespace), b"", _success, namespace)


def reset_all() -> Call[None]:
    """Empty every namespace of the index."""
    return Call("reset", "/reset?all", b"", _success)


def _path(command: str, namespace: str) -> str:
    segment = fields.namespace_segment(namespace)
    return f"/{command}/{segment}" if segment else f"/{command}"


def _updated_count(result: Any) -> int:
    updated = result["updated"] if isinstance(result, dict) and "updated" in result else None
    if not isinstance(updated, int) or isinstance(updated, bool):
        raise ValueError('"updated" must be a number')
    return updated


def _success(result: Any) -> None:
    if result != "Success":
        raise ValueError('must be "Success"')


def decode(call: Call[T], answer: Answer, now: float) -> T:
    """Return what ``answer`` to ``call`` says; ``now`` is in seconds since 1970.

    Raises the :class:`ApiError` of its status, or :class:`MalformedAnswer`.
    """
    if not 200 <= answer.status < 300:
        raise api_error(answer, now)
    content = _json(answer.body)
    if content is _NO_JSON:
        raise MalformedAnswer(f"the answer is not JSON: {readable(answer.body)!r}")
    if not isinstance(content, dict) or "result" not in content:
        raise MalformedAnswer(f'the answer has no "result": {readable(answer.body)!r}')
    try:
        return call.read(content["result"])
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(str(part) for part in wrong['loc'])}: {wrong['msg']}"
    except ValueError as error:
        reason = str(error)
    raise MalformedAnswer(f'the "result" of the answer is not as documented: {reason}')


def _json(body: bytes) -> Any:
    """Return the JSON value of a body; raises nothing, since orjson's error would carry the whole body along."""
    try:
        return orjson.loads(body)
    except ValueError:
        return _NO_JSON


def api_error(answer: Answer, now: float) -> ApiError:
    """Return the error for an answer that is not 2xx."""
    message = _server_message(answer)
    kind = error_class(answer.status, message)
    if kind is QuotaExceeded:
        return kind(answer.status, message, seconds_until_quota_reset(now))
    return kind(answer.status, message, retry_after_seconds(answer.headers.get("retry-after"), now))


def _server_message(answer: Answer) -> str:
    content = _json(answer.body)
    if isinstance(content, dict) and isinstance(content.get("error"), str):
        return readable(content["error"].encode())
    if location := answer.headers.get("location"):
        return f"redirect to {readable(location.encode())}, which is not followed"
    return readable(answer.body) or "(empty answer)"


def readable(body: bytes) -> str:
    """Return at most 300 characters of a body as one line, without HTML tags."""
    start = body[: 8 * _SHOWN_CHARS].decode(errors="replace")
    words = unescape(re.sub(r"<[^>]*>", " ", start)).split() if start.lstrip().startswith("<") else start.split()
    line = " ".join(words)
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """Return the wait a ``Retry-After`` header asks for: seconds or an HTTP date (RFC 9110 section 10.2.3)."""
    if header is None:
        return None
    stripped = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", stripped, re.ASCII):
        return float(stripped)
    try:
        moment = parsedate_to_datetime(stripped)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return max(0.0, aware.timestamp() - now)


def seconds_until_quota_reset(now: float) -> float:
    """Return the seconds until the next 00:00 UTC, when the daily quota starts again."""
    today = datetime.fromtimestamp(now, tz=timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
