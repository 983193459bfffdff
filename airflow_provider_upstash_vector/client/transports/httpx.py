"""The sync transport, over httpx.

It uses ``httpx.HTTPTransport`` without ``httpx.Client``: no redirects, no cookies, no log line per request.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import typing
from collections.abc import Mapping

import httpcore
import httpx

from airflow_provider_upstash_vector.client.errors import ResponseTimeout, UpstashVectorError
from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.redaction import without_frames
from airflow_provider_upstash_vector.client.transports.base import (
    TransportSettings,
    check_size,
    connection_failed,
    response_lost,
    tls_context,
)
from airflow_provider_upstash_vector.client.wire import Response

_KEEP_ALIVE_SECONDS = 60.0
_SLICE_BYTES = 16 * 1024


class HttpxTransport:
    """Sends requests with httpx; safe to share between threads."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        self._headers = settings.headers
        self._deadline = _Deadline()
        proxy = settings.proxy
        # reading the authorities takes some 40 ms of CPU time; a context without any trusts nobody
        tls = tls_context() if settings.uses_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx.HTTPTransport(
            verify=tls,
            trust_env=False,
            proxy=_proxy(proxy, tls) if proxy else None,
            limits=httpx.Limits(max_connections=settings.max_connections, keepalive_expiry=_KEEP_ALIVE_SECONDS),
        )
        # httpx limits each read, not the whole response; a network backend of its pool can limit both.
        pool = self._transport._pool  # noqa: SLF001 - HTTPTransport has no parameter for the backend
        pool._network_backend = _DeadlineBackend(pool._network_backend, self._deadline)  # noqa: SLF001 - see above

    def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body`` to ``path``; see :class:`~.base.Transport`."""
        connect = min(timeout_seconds, self._settings.connect_timeout_seconds)
        timeout = httpx.Timeout(timeout_seconds, connect=connect).as_dict()
        request = httpx.Request(
            "POST",
            self._settings.base_url + path,
            content=body,
            headers=dict(self._headers),
            extensions={"timeout": timeout},
        )
        self._deadline.set(timeout_seconds)
        failure: UpstashVectorError
        try:
            response = self._transport.handle_request(request)
            return Response(response.status_code, response.headers, _read(response))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.PoolTimeout) as error:
            failure = connection_failed(error, self._settings)
        except httpx.TimeoutException:
            failure = ResponseTimeout(f"no complete response within {timeout_seconds:g} s")
        except httpx.TransportError as error:
            failure = response_lost(error, self._settings.redactor)
        except BaseException as interruption:  # noqa: BLE001 - raised again
            raise without_frames(interruption)  # noqa: B904 - the same error
        raise failure  # outside the except block: a cause could contain an echoed token

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send the next requests with these headers."""
        self._headers = headers

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def _proxy(proxy: Proxy, tls: ssl.SSLContext) -> httpx.Proxy:
    context = tls if proxy.url.startswith("https:") else None  # httpcore refuses one for http
    return httpx.Proxy(proxy.url, ssl_context=context, headers=proxy.headers)


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
    """The deadline of the request of the current thread."""

    _at = float("inf")

    def set(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def limit(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise error
        return left if timeout is None else min(left, timeout)


class _DeadlineStream(httpcore.NetworkStream):
    """A connection whose reads and writes end at the deadline of the request."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE_BYTES):
            limit = self._deadline.limit(timeout, httpcore.WriteTimeout)
            self._stream.write(buffer[start : start + _SLICE_BYTES], limit)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: typing.Any, **options: typing.Any) -> httpcore.NetworkStream:
        return _DeadlineStream(self._stream.start_tls(*args, **options), self._deadline)

    def get_extra_info(self, info: str) -> typing.Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in infos))


class _DeadlineBackend(httpcore.NetworkBackend):
    """Opens :class:`_DeadlineStream` connections."""

    def __init__(self, backend: httpcore.NetworkBackend, deadline: _Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: typing.Any, **options: typing.Any
    ) -> httpcore.NetworkStream:
        """Connect to the first address of ``host`` that accepts; ``timeout`` is for all of them.

        Name resolution is not limited: the system's resolver has no deadline.
        """
        ends = time.monotonic() + (timeout or self._deadline.limit(None, httpcore.ConnectTimeout))
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port):
            left = self._deadline.limit(ends - time.monotonic(), httpcore.ConnectTimeout)
            if left <= 0:
                raise httpcore.ConnectTimeout
            try:
                stream = self._backend.connect_tcp(address, port, left, *args, **options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure
