"""Decodes HTTP responses into results or errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from airflow_provider_upstash_vector.client import exact_json
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    BadRequest,
    InvalidResponse,
    NotFound,
    PayloadTooLarge,
    QuotaExceeded,
    RateLimited,
    ServerError,
    Unauthorized,
)
from airflow_provider_upstash_vector.client.redaction import Redactor, hiding_frames
from airflow_provider_upstash_vector.client.wire.call import Call

T = TypeVar("T")

_NO_JSON = object()
_STATUS_ERRORS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: ServerError,
    413: PayloadTooLarge,
    422: BadRequest,
    425: ServerError,
    429: RateLimited,
}

# The daily limit has no status of its own; only the text distinguishes it.
_DAILY_LIMIT = re.compile(r"Exceeded daily \w+ limit")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status, case-insensitive headers, whole body; its ``repr`` shows only the status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@hiding_frames
def decode(call: Call[T], response: Response, now: float, redactor: Redactor) -> T:
    """Return the result of ``call``; ``now`` is in seconds since 1970.

    Text from the server passes through ``redactor`` before it is put into an error. Raises the :class:`ApiError`
    of the status, or :class:`InvalidResponse` if a 2xx response is not as documented.
    """
    if not 200 <= response.status < 300:
        raise api_error(response, now, redactor)
    content = _json(response.body)
    if content is _NO_JSON:
        raise InvalidResponse(f"the response is not JSON: {redactor.redact(_text(response.body))!r}")
    if not isinstance(content, dict) or "result" not in content:
        raise InvalidResponse(f'the response has no "result": {redactor.redact(_text(response.body))!r}')
    try:
        return call.read(content["result"])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except ValueError as error:
        reason = str(error)
    raise InvalidResponse(f'the "result" of the response is not as documented: {redactor.redact(reason)}')


def _json(body: bytes) -> Any:
    """Return the JSON value of a body or ``_NO_JSON``; an exception would keep a reference to the body."""
    try:
        return exact_json.loads(body)
    except ValueError:
        return _NO_JSON


def api_error(response: Response, now: float, redactor: Redactor) -> ApiError:
    """Return the error for a response with a status other than 2xx."""
    text = _error_text(response)
    kind = error_class(response.status, text)
    message = redactor.redact(text) or "(empty response)"
    if kind is QuotaExceeded:
        return kind(response.status, message, seconds_until_quota_reset(now))
    return kind(response.status, message, retry_after_seconds(response.headers.get("retry-after"), now))


def error_class(status: int, server_message: str) -> type[ApiError]:
    """Return the error class of a status; the message only separates the daily quota from other 403s."""
    if status == 403 and _DAILY_LIMIT.search(server_message):
        return QuotaExceeded
    if status >= 500:
        return ServerError
    return _STATUS_ERRORS.get(status, ApiError)


def _error_text(response: Response) -> str:
    content = _json(response.body)
    if isinstance(content, dict) and isinstance(content.get("error"), str):
        return str(content["error"])
    if location := response.headers.get("location"):
        return f"redirect to {location}, which is not followed"
    return _text(response.body)


def _text(body: bytes) -> str:
    return body.decode(errors="replace")


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number or an HTTP date (RFC 9110 section 10.2.3)."""
    if header is None:
        return None
    stripped = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", stripped, re.ASCII):
        return float(stripped)
    try:
        moment = parsedate_to_datetime(stripped)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return max(0.0, aware.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def seconds_until_quota_reset(now: float) -> float:
    """Return the seconds until the next 00:00 UTC, when the daily quota is reset."""
    today = datetime.fromtimestamp(now, tz=timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    return (today + timedelta(days=1)).timestamp() - now
