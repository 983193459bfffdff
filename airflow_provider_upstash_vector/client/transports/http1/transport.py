"""The fast async engine: HTTP/1.1 straight over asyncio, with several times the rate of aiohttp.

It knows no proxies; :func:`~.choice.open_async_transport` takes aiohttp for those.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from urllib.parse import urlsplit

from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    ConnectionFailureReason,
    ResponseTimeout,
)
from airflow_provider_upstash_vector.client.transports.base import TransportSettings
from airflow_provider_upstash_vector.client.transports.http1.connection import Http1Connection
from airflow_provider_upstash_vector.client.transports.http1.connector import Http1Connector
from airflow_provider_upstash_vector.client.wire import Response

_MAX_HEADS = 256
_CLOSED = "the engine was closed"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Head:
    """A request up to its content length; an object and not bytes, because a traceback may show its ``repr``."""

    __slots__ = ("_start",)

    def __init__(self, start: bytes) -> None:
        self._start = start

    def with_body(self, body: bytes) -> bytes:
        """Return the whole request."""
        return b"%b%d\r\n\r\n%b" % (self._start, len(body), body)


class Http1Transport:
    """Sends requests over connections kept alive, the last used first; made and used on one event loop."""

    def __init__(self, settings: TransportSettings) -> None:
        if settings.proxy is not None:
            raise ValueError("this engine knows no proxies")
        if settings.max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, got {settings.max_connections}")
        parts = urlsplit(settings.base_url)
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._prefix = parts.path
        self._common_head = _common_head(settings, parts.netloc)
        self._heads: dict[str, _Head] = {}
        self._open: set[Http1Connection] = set()
        self._connector = Http1Connector(self._loop, settings, self._open.discard)
        self._connecting: set[asyncio.Task[Http1Connection | ConnectionFailed]] = set()
        self._idle: list[Http1Connection] = []
        self._free = settings.max_connections  # so many more requests may be under way
        self._waiters: deque[asyncio.Future[ConnectionFailed | None]] = deque()
        self._closed = False

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        """POST ``body`` to ``path``; see :class:`~.base.AsyncTransport`."""
        deadline = self._loop.time() + timeout_seconds
        head = self._heads.get(path) or self._head(path)
        if self._free:
            self._free -= 1
        else:
            await self._turn(deadline)
        connection: Http1Connection | None = None
        try:
            connection = self._kept() or await self._connect(deadline)
            # one write: a segment of its own for the body would wait for the acknowledgement of the first
            outcome = await connection.request(head.with_body(body), deadline)
        finally:
            if connection is not None:
                if connection.reusable:
                    self._idle.append(connection)
                else:
                    connection.abort()
            self._leave()
        if isinstance(outcome, Response):
            return outcome
        raise outcome or ResponseTimeout(f"no whole answer within {timeout_seconds:g} s")

    def _head(self, path: str) -> _Head:
        if not path.startswith("/") or not (path.isascii() and path.isprintable()) or " " in path:
            raise ValueError(f"not a path that can be requested: {path!r}")
        if len(self._heads) >= _MAX_HEADS:
            self._heads.clear()
        line = f"POST {self._prefix}{path}".encode("ascii")
        head = self._heads[path] = _Head(line + self._common_head)
        return head

    def _kept(self) -> Http1Connection | None:
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
        try:
            await asyncio.wait({task}, timeout=limit)
        except asyncio.CancelledError:
            _drop(task)
            raise
        finally:
            self._connecting.discard(task)
        if self._closed:
            raise ConnectionFailed(_CLOSED)
        if not task.done():
            _drop(task)
            raise ConnectionFailed(f"cannot connect: no connection within {limit:.3g} s", "timeout")
        made = task.result()
        if isinstance(made, ConnectionFailed):
            raise made
        if not made.reusable:
            raise ConnectionFailed("cannot connect: the connection was closed at once")
        self._open.add(made)
        return made

    async def _turn(self, deadline: float) -> None:
        """Wait until another request has ended; first come, first served."""
        waiter: asyncio.Future[ConnectionFailed | None] = self._loop.create_future()
        timer = self._loop.call_at(deadline, _refuse, waiter, "no connection was free in time", "timeout")
        self._waiters.append(waiter)
        try:
            refusal = await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.result() is None:  # its turn came at that very moment
                self._leave()
            raise
        finally:
            timer.cancel()
        if refusal is not None:
            raise refusal

    def _leave(self) -> None:
        """Let the next request begin; those that were given up while waiting are still in the queue."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    async def close(self) -> None:
        """Close the connections; requests under way fail."""
        self._closed = True
        for waiter in self._waiters:
            _refuse(waiter, _CLOSED)
        for task in self._connecting:
            _drop(task)
        self._connector.close()
        for connection in [*self._open]:
            connection.abort(_CLOSED)
        await asyncio.sleep(0)  # transports close their sockets on the loop's next turn


def _refuse(
    waiter: asyncio.Future[ConnectionFailed | None], message: str, reason: ConnectionFailureReason = "other"
) -> None:
    if not waiter.done():
        waiter.set_result(ConnectionFailed(message, reason))


def _drop(task: asyncio.Task[Http1Connection | ConnectionFailed]) -> None:
    """Give up connecting, or close the connection that it has just led to."""
    if not task.cancel() and not task.cancelled():
        made = task.result()
        if isinstance(made, Http1Connection):
            made.abort()


def _common_head(settings: TransportSettings, host: str) -> bytes:
    """Return what stands between path and content length in the head of every request."""
    if wrong := [name for name, value in settings.headers.items() if not _can_be_sent(name, value)]:
        raise ValueError(f"not a header that can be sent: {wrong[0]!r}")  # the value may be the token
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host, **settings.headers}.items())
    return f" HTTP/1.1\r\n{lines}Content-Length: ".encode("ascii")


def _can_be_sent(name: str, value: str) -> bool:
    return bool(_HEADER_NAME.fullmatch(name)) and value.isascii() and value.isprintable()
