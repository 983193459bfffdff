"""Makes the connections of the HTTP/1.1 engine: addresses of the host, TCP, TLS."""

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
    """Connects to the host of a base URL; many connections at a time share one look-up of its name."""

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
        self._lookup: asyncio.Task[_Addresses] | None = None
        self._found: _Addresses = ()
        self._found_until = 0.0

    async def connect(self) -> Http1Connection | ConnectionFailed:
        """Return a new connection, or why there is none."""
        try:
            context = await self._tls.get() if self._tls else None
            connected = await start_connection(
                await self._addresses(), happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_SECONDS
            )
            _, connection = await self._loop.create_connection(
                self._protocol,
                sock=connected,
                ssl=context,
                server_hostname=self._host if self._tls else None,
            )
        except (OSError, ValueError, RuntimeError) as error:  # what names, sockets and uvloop raise
            return connection_failed(error, self._redactor)
        return connection

    async def _addresses(self) -> _Addresses:
        if self._loop.time() < self._found_until:
            return self._found
        if self._lookup is None:
            self._lookup = self._loop.create_task(self._look_up())
        return await asyncio.shield(self._lookup)  # others wait for it too

    async def _look_up(self) -> _Addresses:
        try:
            self._found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._found_until = self._loop.time() + _ADDRESSES_VALID_SECONDS
            return self._found
        finally:
            self._lookup = None

    def close(self) -> None:
        """Give up a look-up under way."""
        if self._lookup is not None:
            self._lookup.cancel()
