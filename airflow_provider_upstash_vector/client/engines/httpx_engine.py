"""The sync engine, over httpx's transport.

The transport is used without ``httpx.Client``: no redirects, no cookies, and no log line per request.
"""

from __future__ import annotations

import threading
import time
import typing

import httpcore
import httpx

from airflow_provider_upstash_vector.client.engines.base import (
    Connection,
    check_size,
    connect_failed,
    describe,
    environment_proxy,
    tls_context,
)
from airflow_provider_upstash_vector.client.errors import AnswerLost, AnswerTimeout
from airflow_provider_upstash_vector.client.wire import Answer

_KEEP_ALIVE_SECONDS = 60.0


class HttpxEngine:
    """Sends requests with httpx; safe to share between threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._deadline = _Deadline()
        proxy = environment_proxy(connection.base_url)
        self._transport = httpx.HTTPTransport(
            verify=tls_context(),
            trust_env=False,
            proxy=httpx.Proxy(proxy) if proxy else None,
            limits=httpx.Limits(max_connections=connection.max_connections, keepalive_expiry=_KEEP_ALIVE_SECONDS),
        )
        # httpx limits each read, not the whole answer; its pool takes a backend that limits both.
        pool = self._transport._pool  # noqa: SLF001 - HTTPTransport has no parameter for the backend
        pool._network_backend = _DeadlineBackend(pool._network_backend, self._deadline)  # noqa: SLF001 - see above

    def send(self, path: str, body: bytes, timeout_seconds: float) -> Answer:
        """POST ``body`` to ``path``; see :class:`~.base.Engine`."""
        connect = min(timeout_seconds, self._connection.connect_timeout_seconds)
        timeout = httpx.Timeout(timeout_seconds, connect=connect).as_dict()
        request = httpx.Request(
            "POST",
            self._connection.base_url + path,
            content=body,
            headers=dict(self._connection.headers),
            extensions={"timeout": timeout},
        )
        self._deadline.set(timeout_seconds)
        try:
            response = self._transport.handle_request(request)
            return Answer(response.status_code, response.headers, _read(response))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout) as error:
            raise connect_failed(error) from error
        except httpx.TimeoutException as error:
            raise AnswerTimeout(f"no whole answer within {timeout_seconds:.0f} s") from error
        except httpx.TransportError as error:
            raise AnswerLost(f"the connection broke: {describe(error)}") from error

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _read(response: httpx.Response) -> bytes:
    try:
        check_size(int(response.headers.get("content-length", 0)))
        chunks: list[bytes] = []
        size = 0
        for chunk in typing.cast("httpx.SyncByteStream", response.stream):
            size += len(chunk)
            check_size(size)
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        response.close()


class _Deadline(threading.local):
    """When the request that this thread is sending must have ended."""

    _at = float("inf")

    def set(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def limit(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise late
        return left if timeout is None else min(left, timeout)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection on which no wait goes past the deadline of the request."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.limit(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: typing.Any, **options: typing.Any) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(*args, **options), self._deadline)

    def get_extra_info(self, info: str) -> typing.Any:
        return self._stream.get_extra_info(info)


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections on which no wait goes past the deadline of the request."""

    def __init__(self, backend: httpcore.NetworkBackend, deadline: _Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(self, *args: typing.Any, **options: typing.Any) -> httpcore.NetworkStream:
        return _DeadlineStream(self._backend.connect_tcp(*args, **options), self._deadline)
