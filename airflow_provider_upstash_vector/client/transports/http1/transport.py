"""The async transport: a pool of HTTP/1.1 connections."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    ConnectionFailureReason,
    ResponseTimeout,
)
from airflow_provider_upstash_vector.client.transports.base import TransportSettings, cannot_connect
from airflow_provider_upstash_vector.client.transports.http1.connection import Http1Connection
from airflow_provider_upstash_vector.client.transports.http1.connector import Http1Connector
from airflow_provider_upstash_vector.client.wire import Response

_MAX_HEADS = 256
_CLOSED = "the client was closed"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Head:
    """A request up to its content length; an object, so that its ``repr`` in a traceback hides the token."""

    __slots__ = ("_start",)

    def __init__(self, start: bytes) -> None:
        self._start = start

    def with_body(self, body: bytes) -> bytes:
        """Return the whole request."""
        return b"%b%d\r\n\r\n%b" % (self._start, len(body), body)


class Http1Transport:
    """Sends requests over a pool of connections, the last used first; bound to one event loop."""

    def __init__(self, settings: TransportSettings) -> None:
        if settings.max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, got {settings.max_connections}")
        parts = urlsplit(settings.base_url)
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        # a proxy that forwards plain HTTP reads the whole URL and its own header in each request
        self._forwarding = settings.proxy if parts.scheme == "http" else None
        self._prefix = settings.base_url if self._forwarding else parts.path
        self._host = parts.netloc
        self.use_headers(settings.headers)
        self._open: set[Http1Connection] = set()
        self._connector = Http1Connector(self._loop, settings, self._open.discard)
        self._connecting: set[asyncio.Task[Http1Connection | ConnectionFailed]] = set()
        self._idle: list[Http1Connection] = []
        self._free_slots = settings.max_connections  # how many more requests may be in flight
        self._waiters: deque[asyncio.Future[ConnectionFailed | None]] = deque()
        self._closed = False

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body`` to ``path``; see :class:`~.base.AsyncTransport`."""
        deadline = self._loop.time() + timeout_seconds
        head = self._heads.get(path) or self._head(path)
        if self._free_slots:
            self._free_slots -= 1
        else:
            await self._wait_for_slot(deadline)
        connection: Http1Connection | None = None
        try:
            connection = self._idle_connection() or await self._connect(deadline)
            # one write: a separate segment for the body would wait for the first one's acknowledgement
            outcome = await connection.request(head.with_body(body), deadline)
        finally:
            if connection is not None:
                if connection.reusable:
                    self._idle.append(connection)
                else:
                    connection.abort()
            self._release_slot()
        if isinstance(outcome, Response):
            return outcome
        raise outcome or ResponseTimeout(f"no complete response within {timeout_seconds:g} s")

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Send the next requests with these headers."""
        proxy = self._forwarding
        self._common_head = _common_head({**headers, **(proxy.headers if proxy else {})}, self._host)
        self._heads: dict[str, _Head] = {}

    def _head(self, path: str) -> _Head:
        if not path.startswith("/") or not (path.isascii() and path.isprintable()) or " " in path:
            raise ValueError(f"invalid request path: {path!r}")
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        line = f"POST {self._prefix}{path}".encode("ascii")
        head = self._heads[path] = _Head(line + self._common_head)
        return head

    def _idle_connection(self) -> Http1Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and self._loop.time() < connection.deadline:
                return connection
            connection.abort()
        return None

    async def _connect(self, deadline: float) -> Http1Connection:
        if self._closed:
            raise ConnectionFailed(_CLOSED)
        limit = max(0.0, min(self._settings.connect_timeout_seconds, deadline - self._loop.time()))
        task = self._loop.create_task(self._connector.connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        try:
            await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            _discard(task)
            raise
        if self._closed:
            raise ConnectionFailed(_CLOSED)
        if not task.done():
            _discard(task)
            raise cannot_connect(self._settings, f"no connection within {limit:.3g} s", "timeout")
        connection = task.result()
        if isinstance(connection, ConnectionFailed):
            raise connection
        if not connection.reusable:
            raise cannot_connect(self._settings, "the connection was closed immediately")
        self._open.add(connection)
        return connection

    async def _wait_for_slot(self, deadline: float) -> None:
        """Wait until another request ends; first come, first served."""
        waiter: asyncio.Future[ConnectionFailed | None] = self._loop.create_future()
        timer = self._loop.call_at(deadline, _fail_waiter, waiter, "no connection became free in time", "timeout")
        self._waiters.append(waiter)
        try:
            error = await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.result() is None:  # it was granted at the same moment
                self._release_slot()
            raise
        finally:
            timer.cancel()
        if error is not None:
            raise error

    def _release_slot(self) -> None:
        """Grant the slot to the next waiter; cancelled ones are still in the queue."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free_slots += 1

    async def close(self) -> None:
        """Close the connections; requests in flight fail."""
        self._closed = True
        for waiter in self._waiters:
            _fail_waiter(waiter, _CLOSED)
        for task in self._connecting:
            _discard(task)
        self._connector.close()
        for connection in [*self._open]:
            connection.abort(_CLOSED)
        if self._connecting:
            await asyncio.wait(self._connecting)
        await asyncio.sleep(0)  # transports close their sockets in the loop's next iteration


def _fail_waiter(
    waiter: asyncio.Future[ConnectionFailed | None], message: str, reason: ConnectionFailureReason = "other"
) -> None:
    if not waiter.done():
        waiter.set_result(ConnectionFailed(message, reason))


def _discard(task: asyncio.Task[Http1Connection | ConnectionFailed]) -> None:
    """Cancel a connection attempt, or close its connection if it has just completed."""
    if not task.cancel() and not task.cancelled():
        connection = task.result()
        if isinstance(connection, Http1Connection):
            connection.abort()


def _common_head(headers: Mapping[str, str], host: str) -> bytes:
    """Return the part of every request's head between path and content length."""
    if invalid := [name for name, value in headers.items() if not _is_valid_header(name, value)]:
        raise ValueError(f"invalid header: {invalid[0]!r}")  # the value may be the token
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host, **headers}.items())
    return f" HTTP/1.1\r\n{lines}Content-Length: ".encode("ascii")


def _is_valid_header(name: str, value: str) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and value.isascii() and value.isprintable()
