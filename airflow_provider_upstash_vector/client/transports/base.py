"""The seam to the HTTP libraries, and the rules that all of them follow."""

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

MAX_RESPONSE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """What an engine needs to know: base URL, headers of every request, proxy, limits.

    ``redactor`` knows the secrets among them; text of libraries and servers comes into an error through it alone.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)  # the token is in them
    proxy: Proxy | None
    redactor: Redactor
    connect_timeout_seconds: float
    max_connections: int


class Transport(Protocol):
    """Sends one request at a time on the caller's thread, over connections that are kept alive."""

    def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body``; the whole answer is there within ``timeout_seconds``.

        Sends at most once, follows no redirect and reads no more than 16 MB.
        Raises :class:`TransportError`, or :class:`InvalidResponse` for an answer over 16 MB.
        """

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(Protocol):
    """The same on an event loop; many requests at a time."""

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body``, as :meth:`Engine.send`."""

    async def close(self) -> None:
        """Close the connections."""


def tls_context() -> ssl.SSLContext:
    """Return the system's trusted authorities, or those in ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.

    Where Python finds no authorities at all (python.org builds for macOS), certifi's are taken.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None and os.name == "posix":
        import certifi  # noqa: PLC0415 - comes with httpx, and is rarely needed

        context.load_verify_locations(certifi.where())
    return context


class SharedTlsContext:
    """The context of all connections of an engine, made when it is first needed, once and in a thread.

    Reading the authorities takes some 20 ms, which all else on the event loop would wait for.
    """

    def __init__(self) -> None:
        self._made: asyncio.Task[ssl.SSLContext] | None = None

    async def get(self) -> ssl.SSLContext:
        """Return the context. Raises ``OSError`` where the authorities cannot be read; the next call tries it."""
        made = self._made
        if made is None or (made.done() and made.exception() is not None):
            made = self._made = asyncio.create_task(asyncio.to_thread(tls_context))
        return await asyncio.shield(made)  # others wait for it too


def connection_failed(error: BaseException, redactor: Redactor) -> ConnectionFailed:
    """Return the error for a connection that could not be made, with the reason its causes show."""
    reason: ConnectionFailureReason = "other"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            reason = "dns"
        elif isinstance(cause, ssl.SSLError | ssl.CertificateError):
            reason = "tls"
        elif isinstance(cause, ConnectionRefusedError):
            reason = "refused"
        elif isinstance(cause, TimeoutError | asyncio.TimeoutError):  # two classes on Python 3.10
            reason = "timeout"
    return ConnectionFailed(f"cannot connect: {redactor.redact(describe(error))}", reason)


def response_lost(error: BaseException, redactor: Redactor) -> ResponseLost:
    """Return the error for a connection that broke."""
    return ResponseLost(f"the connection broke: {redactor.redact(describe(error))}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def describe(error: BaseException) -> str:
    """Return an error's text, or its class where it has none."""
    return str(error) or type(error).__name__


def check_size(size: int) -> None:
    """Raise :class:`InvalidResponse` for an answer of more than 16 MB."""
    if size > MAX_RESPONSE_BYTES:
        raise InvalidResponse(f"the answer is larger than {MAX_RESPONSE_BYTES // 1024**2} MB")
