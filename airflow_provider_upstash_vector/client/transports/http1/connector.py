"""Opens the connections of the HTTP/1.1 transport: name resolution, TCP, TLS, and the tunnel through a proxy."""

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
from airflow_provider_upstash_vector.client.transports.http1.tunnel import Tunnel

_ADDRESSES_VALID_SECONDS = 10.0
_NEXT_ADDRESS_AFTER_SECONDS = 0.25  # as RFC 8305 recommends

_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]


class Http1Connector:
    """Connects to the host of a base URL, or to the proxy; concurrent connections share one name resolution."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: TransportSettings,
        on_lost: Callable[[Http1Connection], None],
    ) -> None:
        index = urlsplit(settings.base_url)
        peer = urlsplit(settings.proxy.url) if settings.proxy else index
        self._loop = loop
        self._settings = settings
        self._index_host = index.hostname or ""
        self._index_port = index.port or 443
        # a proxy forwards plain HTTP without a tunnel
        self._tunnel_through = settings.proxy if index.scheme == "https" else None
        self._host = peer.hostname or ""
        self._is_tls = peer.scheme == "https"
        self._port = peer.port or (443 if self._is_tls else 80)
        self._tls = SharedTlsContext()
        self._protocol = partial(Http1Connection, loop, settings.redactor, on_lost)
        self._resolving: asyncio.Task[_Addresses] | None = None
        self._resolved: _Addresses = ()
        self._resolved_until = 0.0

    async def connect(self) -> Http1Connection | ConnectionFailed:
        """Return a new connection, or the error."""
        try:
            return await self._connect()
        except (OSError, ValueError, RuntimeError) as error:  # raised by getaddrinfo, sockets and uvloop
            return connection_failed(error, self._settings)

    async def _connect(self) -> Http1Connection:
        context = await self._tls.get() if self._is_tls or self._tunnel_through else None
        connection = self._protocol()
        tunnel = None
        if self._tunnel_through and context:
            tunnel = Tunnel(self._tunnel_through, self._index_host, self._index_port, context, connection)
        sock = await start_connection(await self._addresses(), happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_SECONDS)
        await self._loop.create_connection(
            lambda: tunnel or connection,
            sock=sock,
            ssl=context if self._is_tls else None,
            server_hostname=self._host if self._is_tls else None,
        )
        if tunnel:
            await tunnel.established()
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
