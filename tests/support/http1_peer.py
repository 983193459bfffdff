"""A scripted HTTP/1.1 server on the test's own event loop, for Http1Transport."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.transports.base import TransportSettings
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport

Script = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine function as a test."""

    def run(*args: Any, **options: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **options), 60))

    run.__name__ = test.__name__
    run.__wrapped__ = test  # type: ignore[attr-defined]  # for pytest, which reads the fixtures' names there
    return run


def settings_for(
    base_url: str,
    *,
    max_connections: int = 8,
    connect_timeout_seconds: float = 5.0,
    proxy: Proxy | None = None,
) -> TransportSettings:
    return TransportSettings(
        base_url=base_url,
        headers={"Authorization": "Bearer t0k3n"},
        proxy=proxy,
        redactor=Redactor("t0k3n", *(proxy.secrets if proxy else ())),
        connect_timeout_seconds=connect_timeout_seconds,
        max_connections=max_connections,
    )


@dataclass
class Peer:
    """Runs ``script(body, writer)`` for each request; counts connections, records the bodies in order."""

    script: Script
    connections: int = 0
    open: int = 0
    bodies: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.serve(reader, writer)
        finally:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; a test may replace it."""
        self.connections += 1
        self.open += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.bodies.append(body)
                self.asked.set()
                await self.script(body, writer)
        self.open -= 1


@asynccontextmanager
async def peer_of(
    script: Script, *, tls: ssl.SSLContext | None = None, max_connections: int = 8
) -> AsyncIterator[tuple[Peer, Http1Transport]]:
    """Yield a peer and a transport connected to it."""
    peer = Peer(script)
    server = await asyncio.start_server(peer.accept, "127.0.0.1", 0, ssl=tls, backlog=1024)
    peer.port = server.sockets[0].getsockname()[1]
    scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
    transport = Http1Transport(settings_for(f"{scheme}://{host}:{peer.port}", max_connections=max_connections))
    try:
        yield peer, transport
    finally:
        await transport.close()
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds, however slow the machine is."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def with_body(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def echo(body: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(with_body(body))
    await writer.drain()


def responding(response: bytes, *, close: bool = False) -> Script:
    async def script(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response)
        await writer.drain()
        if close:
            writer.close()

    return script
