"""The transport protocols, and what all transports share: settings, TLS context, errors, size limit."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    ConnectionFailureReason,
    InvalidResponse,
    ResponseLost,
)
from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.wire import Response

# What OpenSSL reports for bytes that are no TLS record; version 3.2 and later has another name for it.
_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
MAX_RESPONSE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """Settings of a transport. ``redactor`` removes the secrets among them from text that is put into errors."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)  # the token is in them
    proxy: Proxy | None
    redactor: Redactor
    connect_timeout_seconds: float
    max_connections: int

    @property
    def uses_tls(self) -> bool:
        """Whether the connection to the index or to the proxy is encrypted."""
        return self.base_url.startswith("https:") or (
            self.proxy is not None and self.proxy.url.startswith("https:")
        )


class Transport(Protocol):
    """Sends one request at a time on the caller's thread, over connections that are kept alive."""

    def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body``; return the complete response within ``timeout_seconds``.

        Sends at most once, does not follow redirects, and reads at most 16 MB. Raises :class:`TransportError`, or
        :class:`InvalidResponse` for a response over 16 MB.
        """

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send the next requests with these headers."""

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(Protocol):
    """Sends many requests at a time on an event loop."""

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body``, as :meth:`Transport.send`."""

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send the next requests with these headers."""

    async def close(self) -> None:
        """Close the connections."""


def tls_context() -> ssl.SSLContext:
    """Return a context with the system's trusted authorities, or those in ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.

    If Python finds none (python.org builds for macOS), certifi's are used.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None and os.name == "posix":
        import certifi  # noqa: PLC0415 - rarely needed

        context.load_verify_locations(certifi.where())
    return context


class SharedTlsContext:
    """The TLS context of all connections of a transport, created on first use in a thread.

    Reading the authorities would block the event loop for some 20 ms.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[ssl.SSLContext] | None = None

    async def get(self) -> ssl.SSLContext:
        """Return the context. Raises ``OSError`` if the authorities cannot be read; the next call tries again."""
        task = self._task
        if task is None or (task.done() and task.exception() is not None):
            task = self._task = asyncio.create_task(asyncio.to_thread(tls_context))
        return await asyncio.shield(task)  # other requests wait for it too


def cannot_connect(
    settings: TransportSettings, why: str, reason: ConnectionFailureReason = "other"
) -> ConnectionFailed:
    """Return the error for a failed connection attempt, which names the proxy if there is one."""
    route = f" through the proxy {settings.proxy.url}" if settings.proxy else ""
    return ConnectionFailed(f"cannot connect{route}: {why}", reason)


def connection_failed(error: BaseException, settings: TransportSettings) -> ConnectionFailed:
    """Return the error for a failed connection attempt; its causes determine the reason."""
    reason: ConnectionFailureReason = "other"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            reason = "dns"
        elif isinstance(cause, ssl.SSLCertVerificationError):
            reason = "certificate"
        elif isinstance(cause, ssl.SSLError):
            # one that Python code raises has no such attribute
            reason = "plain_http" if getattr(cause, "reason", None) in _NO_TLS else "tls"
        elif isinstance(cause, ConnectionRefusedError):
            reason = "refused"
        elif isinstance(cause, TimeoutError | asyncio.TimeoutError):  # two classes on Python 3.10
            reason = "timeout"
    return cannot_connect(settings, settings.redactor.redact(error_text(error)), reason)


def response_lost(error: BaseException, redactor: Redactor) -> ResponseLost:
    """Return the error for a connection that broke."""
    return ResponseLost(f"the connection broke: {redactor.redact(error_text(error))}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def error_text(error: BaseException) -> str:
    """Return the text of an error, or its class name if it has none."""
    return str(error) or type(error).__name__


def check_size(size: int) -> None:
    """Raise :class:`InvalidResponse` for a response of more than 16 MB."""
    if size > MAX_RESPONSE_BYTES:
        raise InvalidResponse(f"the response is larger than {MAX_RESPONSE_BYTES // 1024**2} MB")
