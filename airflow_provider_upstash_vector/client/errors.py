"""Every error the client raises, and the one table from an HTTP status to a class.

    UpstashVectorError                 .retryable, .attempts, .call, .namespace, .id, .written
    ├─ InvalidEndpoint(ValueError)     the REST URL or token cannot be used; nothing was sent
    ├─ InvalidRequest(ValueError)       a value cannot be sent: .field and .reason
    ├─ TransportError                  no whole answer came back                         retried
    │   ├─ ConnectionFailed               no connection, so nothing was sent: .reason
    │   ├─ ResponseLost                  the connection broke; the request may have landed
    │   └─ ResponseTimeout               the time ran out; the request may have landed
    ├─ ApiError                        the service refused: .status, .server_message, .retry_after
    │   ├─ BadRequest                  400, 422
    │   ├─ Unauthorized                401, 403
    │   ├─ NotFound                    404
    │   ├─ PayloadTooLarge             413
    │   ├─ QuotaExceeded               403 with the daily-limit text; not before 00:00 UTC
    │   ├─ RateLimited                 429                                               retried
    │   └─ ServerError                 408, 425, 5xx                                     retried
    └─ InvalidResponse                 a 2xx answer that is not the documented JSON

``bulk`` adds ``BulkJobFailed``, ``InvalidRows`` and ``SourceBroken``. All of them pickle, because Airflow
passes exceptions between processes. Text of servers and libraries is
redacted where an error is made of it (``redaction.py``), so that no message holds the token.
"""

from __future__ import annotations

from typing import ClassVar, Literal

ConnectionFailureReason = Literal["dns", "tls", "refused", "timeout", "other"]


class UpstashVectorError(Exception):
    """Base of all errors of the client.

    ``retryable`` says whether sending the same request again can help; ``attempts`` how often it was
    sent; ``call``, ``namespace`` and ``id`` what it was about (``None`` where that does not apply);
    ``written`` how many vectors of an upsert were written before.
    """

    retryable: ClassVar[bool] = False

    call: str | None = None
    namespace: str | None = None
    id: str | None = None
    attempts: int = 0
    written: int | None = None

    @property
    def message(self) -> str:
        """What went wrong, without the place where it did."""
        return str(self.args[0]) if self.args else type(self).__name__

    def add_context(self, *, call: str, namespace: str | None, id: str | None, attempts: int) -> None:
        """Note which call failed, where, and after how many attempts."""
        self.call, self.namespace, self.id, self.attempts = call, namespace, id, attempts

    def __str__(self) -> str:
        parts = [self.call or ""]
        if self.id is not None:
            parts.append(f"of {self.id!r}")
        if self.namespace is not None:
            parts.append(f"in namespace {self.namespace!r}" if self.namespace else "in the default namespace")
        place = " ".join(part for part in parts if part)
        tries = f" (after {self.attempts} attempts)" if self.attempts > 1 else ""
        before = "" if self.written is None else f" ({self.written:,} vectors were written before)"
        return f"{place}: {self.message}{tries}{before}" if place else f"{self.message}{tries}{before}"


class InvalidEndpoint(UpstashVectorError, ValueError):
    """The REST URL or the token cannot be used; raised before anything is sent. A retry does not help."""


class InvalidRequest(UpstashVectorError, ValueError):
    """A value cannot be sent: ``field`` names it, ``reason`` says why. A retry does not help."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    @property
    def message(self) -> str:
        """``field: reason``."""
        return f"{self.field}: {self.reason}"


class TransportError(UpstashVectorError):
    """No whole answer came back. Retried; the request may have been carried out all the same."""

    retryable = True


class ConnectionFailed(TransportError):
    """No connection could be made, so nothing was sent; ``reason`` tells name lookup, TLS and the rest apart."""

    def __init__(self, message: str, reason: ConnectionFailureReason = "other") -> None:
        super().__init__(message, reason)
        self.reason = reason


class ResponseLost(TransportError):
    """The connection broke before the whole answer was read; the request may have landed."""


class ResponseTimeout(TransportError):
    """The answer was not complete within the time limit; the request may have landed."""


class ApiError(UpstashVectorError):
    """The service, or a proxy before it, refused the request with an HTTP status that is not 2xx.

    ``server_message`` is its own text; ``retry_after`` the seconds it asked to wait, or ``None``.
    """

    def __init__(self, status: int, server_message: str, retry_after: float | None = None) -> None:
        super().__init__(status, server_message, retry_after)
        self.status = status
        self.retry_after = retry_after

    @property
    def server_message(self) -> str:
        """The service's own words."""
        return str(self.args[1])

    @property
    def message(self) -> str:
        """Status, the service's own words and the wait it asked for."""
        wait = "" if self.retry_after is None else f" (retry after {self.retry_after:.0f} s)"
        return f"{self.status} {self.server_message}{wait}"


class BadRequest(ApiError):
    """400 or 422: the service does not accept these values. A retry does not help."""


class Unauthorized(ApiError):
    """401 or 403: the token is wrong or may not do this. A retry does not help."""


class NotFound(ApiError):
    """404: no such namespace or path. A retry does not help."""


class PayloadTooLarge(ApiError):
    """413: the body is over the service's limit. A retry does not help."""


class QuotaExceeded(ApiError):
    """403 with the daily-limit text; ``retry_after`` is the time to the next 00:00 UTC, when it is reset."""


class RateLimited(ApiError):
    """429: too many requests for now. Retried after ``retry_after`` seconds or a backoff."""

    retryable = True


class ServerError(ApiError):
    """408, 425 or 5xx, from the service or a proxy before it. Retried."""

    retryable = True


class InvalidResponse(UpstashVectorError):
    """A 2xx answer that is not the documented JSON, or is too large; the request may have landed."""
