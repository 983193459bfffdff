"""Opens the connections of the HTTP/1.1 transport: name resolution, TCP, TLS."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from airflow_provider_upstash_vector.client.errors import ConnectionFailed
from airflow_provider_upstash_vector.client.transports.base import (
    SharedTlsContext,
    TransportSettings,
    connection_failed,
)
from airflow_provider_upstash_vector.client.transports.http1.connection import Http1Connection

_ADDRESSES_VALID_SECONDS = 10.0
_NEXT_ADDRESS_AFTER_SECONDS = 0.25  # as RFC 8305 recommends

_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]


class Http1Connector:
    """Connects to the host of a base URL; concurrent connections share one name resolution."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: TransportSettings,
        on_lost: Callable[[Http1Connection], None],
    ) -> None:
        parts = urlsplit(settings.base_url)
        self._loop = loop
        self._host = parts.hostname or ""
        self._tls = SharedTlsContext() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._protocol = partial(Http1Connection, loop, settings.redactor, on_lost)
        self._redactor = settings.redactor
        self._resolving: asyncio.Task[_Addresses] | None = None
        self._resolved: _Addresses = ()
        self._resolved_until = 0.0

    async def connect(self) -> Http1Connection | ConnectionFailed:
        """Return a new connection, or the error."""
        try:
            context = await self._tls.get() if self._tls else None
            sock = await start_connection(
                await self._addresses(), happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_SECONDS
            )
            _, connection = await self._loop.create_connection(
                self._protocol,
                sock=sock,
                ssl=context,
                server_hostname=self._host if self._tls else None,
            )
        except (OSError, ValueError, RuntimeError) as error:  # raised by getaddrinfo, sockets and uvloop
            return connection_failed(error, self._redactor)
        return connection

    async def _addresses(self) -> _Addresses:
        if self._loop.time() < self._resolved_until:
            return self._resolved
        if self._resolving is None:
            self._resolving = self._loop.create_task(self._resolve())
        return await asyncio.shield(self._resolving)  # other connections wait for it too

    async def _resolve(self) -> _Addresses:
        try:
            self._resolved = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._resolved_until = self._loop.time() + _ADDRESSES_VALID_SECONDS
            return self._resolved
        finally:
            self._resolving = None

    def close(self) -> None:
        """Cancel a name resolution in progress."""
        if self._resolving is not None:
            self._resolving.cancel()
