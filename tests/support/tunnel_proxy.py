"""A scripted proxy and an index behind it on the test's own event loop, for Http1Transport."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport
from tests.support.http1_peer import Peer, Script, echo, settings_for

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


def sending(*pieces: bytes, pause_seconds: float = 0.0) -> Respond:
    """Return a response to CONNECT in pieces."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return respond


@dataclass
class TunnelProxy:
    """Responds to CONNECT with ``respond``; then forwards to the index, or nothing if there is none."""

    respond: Respond
    index_port: int | None
    requests: list[bytes] = field(default_factory=list)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    alter: Callable[[bytes], bytes] = bytes
    port: int = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self.respond(writer)
            if self.index_port is None:
                await reader.read()
            else:
                from_index, to_index = await asyncio.open_connection("127.0.0.1", self.index_port)
                await asyncio.gather(
                    _forward(reader, to_index, bytes), _forward(from_index, writer, self._altered)
                )
        writer.transport.abort()
        self.writers.discard(writer)

    def _altered(self, data: bytes) -> bytes:
        return self.alter(data)

    def cut(self) -> None:
        """Close the connections of all clients."""
        for writer in self.writers:
            writer.transport.abort()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alter: Callable[[bytes], bytes]
) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(alter(data))
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def proxied(
    index_tls: ssl.SSLContext | None,
    respond: Respond | None = None,
    *,
    script: Script = echo,
    proxy_tls: ssl.SSLContext | None = None,
    connect_timeout_seconds: float = 30.0,
    max_connections: int = 1,
) -> AsyncIterator[tuple[Peer, TunnelProxy, Http1Transport]]:
    """Yield an index ``https://index.test``, a proxy before it and a transport; without TLS, there is no index."""
    async with contextlib.AsyncExitStack() as stack:
        peer = Peer(script)
        if index_tls:
            index = await asyncio.start_server(peer.accept, "127.0.0.1", 0, ssl=index_tls)
            stack.callback(index.close)
            peer.port = index.sockets[0].getsockname()[1]
        proxy = TunnelProxy(respond or sending(ESTABLISHED), peer.port or None)
        server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0, ssl=proxy_tls)
        stack.callback(server.close)
        proxy.port = server.sockets[0].getsockname()[1]
        scheme, host = ("https", "localhost") if proxy_tls else ("http", "127.0.0.1")
        transport = Http1Transport(
            settings_for(
                "https://index.test",
                proxy=Proxy(f"{scheme}://{host}:{proxy.port}", "us3r", "p4ss-w0rd-of-the-proxy"),
                connect_timeout_seconds=connect_timeout_seconds,
                max_connections=max_connections,
            )
        )
        stack.push_async_callback(transport.close)
        yield peer, proxy, transport
