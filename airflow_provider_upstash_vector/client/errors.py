"""The errors that the client raises.

    UpstashVectorError                 .retryable, .attempts, .call, .namespace, .id, .written, .hint
    ├─ InvalidEndpoint(ValueError)     the REST URL or token cannot be used; nothing was sent
    ├─ InvalidRequest(ValueError)      a value cannot be sent: .field and .reason
    ├─ DifferentEventLoop(RuntimeError)  an async client was used on a second event loop; nothing was sent
    ├─ TransportError                  no complete response                              retried
    │   ├─ ConnectionFailed            no connection, so nothing was sent: .reason
    │   ├─ ResponseLost                the connection broke; the request may have been applied
    │   └─ ResponseTimeout             the time limit passed; the request may have been applied
    ├─ ApiError                        a status other than 2xx: .status, .server_message, .retry_after
    │   ├─ BadRequest                  400, 422
    │   ├─ Unauthorized                401, 403
    │   │   └─ TokenRejected           401 after requests that were accepted: the token was rotated
    │   ├─ NotFound                    404
    │   ├─ PayloadTooLarge             413
    │   ├─ QuotaExceeded               403 with the daily-limit text; not before 00:00 UTC
    │   ├─ RateLimited                 429                                               retried
    │   └─ ServerError                 408, 425, 5xx                                     retried
    ├─ InvalidResponse                 a 2xx response that is not the documented JSON
    └─ Cancelled                       the caller cancelled the call; the request may have been applied

``bulk`` adds ``BulkJobFailed``, ``CheckpointInUse``, ``Superseded``, ``TooManyMatches``, ``InvalidRows`` and
``SourceBroken``. All of them pickle, because Airflow passes exceptions between processes. ``redaction.py`` keeps
the token out of their messages.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from airflow_provider_upstash_vector.plurals import plural

__all__ = [
    "ApiError",
    "BadRequest",
    "Cancelled",
    "ConnectionFailed",
    "ConnectionFailureReason",
    "DifferentEventLoop",
    "InvalidEndpoint",
    "InvalidRequest",
    "InvalidResponse",
    "NotFound",
    "PayloadTooLarge",
    "QuotaExceeded",
    "RateLimited",
    "ResponseLost",
    "ResponseTimeout",
    "ServerError",
    "TokenRejected",
    "TransportError",
    "Unauthorized",
    "UpstashVectorError",
]

_WRITES = frozenset({"upsert", "upsert_data", "update", "delete", "reset", "delete_namespace", "rename_namespace"})

ConnectionFailureReason = Literal["dns", "certificate", "plain_http", "tls", "refused", "timeout", "other"]


class UpstashVectorError(Exception):
    """Base of all errors of the client.

    ``retryable`` is true if sending the same request again may succeed; ``attempts`` counts how often it was sent.
    ``call``, ``namespace`` and ``id`` identify the request, ``None`` if one does not apply. ``written`` is the
    number of vectors that an upsert had written before the error; ``hint`` what to do, and where.
    """

    retryable: ClassVar[bool] = False

    call: str | None = None
    namespace: str | None = None
    id: str | None = None
    attempts: int = 0
    written: int | None = None
    hint: str | None = None

    @property
    def message(self) -> str:
        """The cause, without call, id and namespace."""
        return str(self.args[0]) if self.args else type(self).__name__

    def add_context(self, *, call: str, namespace: str | None, id: str | None, attempts: int) -> None:
        """Record which call failed, for which vector, and after how many attempts."""
        self.call, self.namespace, self.id, self.attempts = call, namespace, id, attempts

    def __str__(self) -> str:
        parts = [self.call or ""]
        if self.id is not None:
            parts.append(f"of {self.id!r}")
        if self.namespace is not None:
            parts.append(f"in namespace {self.namespace!r}" if self.namespace else "in the default namespace")
        context = " ".join(part for part in parts if part)
        tries = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        were = "" if self.written is None else plural(self.written, "vector was", "vectors were")
        written = were and f" ({were} already written)"
        hint = "" if self.hint is None else f" ({self.hint})"
        return (f"{context}: " if context else "") + f"{self.message}{tries}{written}{hint}"


class InvalidEndpoint(UpstashVectorError, ValueError):
    """The REST URL or token cannot be used; raised before anything is sent. Not retryable."""


class InvalidRequest(UpstashVectorError, ValueError):
    """A value cannot be sent, for the ``reason`` given; ``field`` names it. Not retryable."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    @property
    def message(self) -> str:
        """``field: reason``."""
        return f"{self.field}: {self.reason}"


class DifferentEventLoop(UpstashVectorError, RuntimeError):
    """An async client was used on another event loop than before; nothing was sent. Not retryable."""

    @property
    def message(self) -> str:
        """What to do."""
        return "the client belongs to another event loop: create one on each loop, or close it there first"


class TransportError(UpstashVectorError):
    """No complete response was received. Retried; the request may have been applied nevertheless."""

    retryable = True


class ConnectionFailed(TransportError):
    """No connection could be established, so nothing was sent; ``reason`` is the step that failed."""

    def __init__(self, message: str, reason: ConnectionFailureReason = "other") -> None:
        super().__init__(message, reason)
        self.reason = reason


class ResponseLost(TransportError):
    """The connection broke before the response was complete; the request may have been applied."""


class ResponseTimeout(TransportError):
    """The response was not complete within the time limit; the request may have been applied."""


class ApiError(UpstashVectorError):
    """The service, or a proxy in front of it, responded with an HTTP status other than 2xx.

    ``server_message`` is its text; ``retry_after`` the seconds of its ``Retry-After`` header, or ``None``.
    """

    def __init__(self, status: int, server_message: str, retry_after: float | None = None) -> None:
        super().__init__(status, server_message, retry_after)
        self.status = status
        self.retry_after = retry_after

    @property
    def server_message(self) -> str:
        """The text of the response."""
        return str(self.args[1])

    @property
    def message(self) -> str:
        """Status, text and ``Retry-After``."""
        wait = "" if self.retry_after is None else f" (retry after {self.retry_after:.0f} s)"
        return f"{self.status} {self.server_message}{wait}"


class BadRequest(ApiError):
    """400 or 422: the service rejects these values. Not retryable."""


class Unauthorized(ApiError):
    """401 or 403: the token is wrong, or lacks the permission. Not retryable."""

    @property
    def message(self) -> str:
        """Status and text; if a write got a 403, also that the token may be the read-only one."""
        cause = self.status == 403 and self.call in _WRITES
        return super().message + ("; the token may be the read-only one, which cannot write" if cause else "")


class TokenRejected(Unauthorized):
    """401 after the token was accepted: it was rotated or revoked, and reading it again gave no valid one.

    The same request is not retried; another run can succeed, with the new token.
    """


class NotFound(ApiError):
    """404: no such namespace or path. Not retryable."""


class PayloadTooLarge(ApiError):
    """413: the body exceeds the service's limit. Not retryable."""


class QuotaExceeded(ApiError):
    """403 with the daily-limit text; ``retry_after`` is the time until the quota is reset at 00:00 UTC."""


class RateLimited(ApiError):
    """429: throttled. Retried after ``retry_after`` seconds or a backoff."""

    retryable = True


class ServerError(ApiError):
    """408, 425 or 5xx, from the service or a proxy in front of it. Retried."""

    retryable = True


class InvalidResponse(UpstashVectorError):
    """A 2xx response that is not the documented JSON, or is too large; the request may have been applied."""


class Cancelled(UpstashVectorError):
    """The caller cancelled the call before its response arrived; the request may have been applied."""

    retryable = True
