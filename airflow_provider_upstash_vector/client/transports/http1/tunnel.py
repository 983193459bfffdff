"""A tunnel through a proxy: CONNECT, then TLS to the index, over TCP or over TLS to the proxy.

``loop.start_tls`` over a TLS connection fails before Python 3.11, and loses errors before 3.11.8.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import cast

from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.transports.http1.connect import ConnectResponse, connect_request
from airflow_provider_upstash_vector.client.transports.http1.connection import Http1Connection

_CHUNK_BYTES = 256 * 1024


class Tunnel(asyncio.Protocol, asyncio.Transport):
    """The protocol of the connection to a proxy, and the transport of the connection to the index inside it.

    Only an end that TLS confirms can complete a response: a proxy could cut the connection anywhere.
    """

    def __init__(
        self, proxy: Proxy, host: str, port: int, context: ssl.SSLContext, connection: Http1Connection
    ) -> None:
        super().__init__()
        self._proxy = proxy
        self._host = host
        self._port = port
        self._connection = connection
        self._response = ConnectResponse()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._outcome: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._open = False  # the connection to the index is made

    async def established(self) -> None:
        """Wait until requests can be sent to the index. Raises ``OSError``; then the connection is closed."""
        try:
            error = await self._outcome
        except BaseException:  # the attempt was cancelled
            self.abort()
            raise
        if error is not None:
            raise error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT."""
        self._proxied = cast("asyncio.Transport", transport)
        self._proxied.write(connect_request(self._host, self._port, self._proxy.headers))

    def data_received(self, data: bytes) -> None:
        """Parse the response of the proxy; after it, decrypt what the index sends."""
        try:
            if not self._response.accepted:
                data = self._response.feed(data)
            if self._response.accepted:
                self._receive(data)
        except OSError as error:  # ssl.SSLError is one
            self._fail(error)

    def _receive(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            if not self._open:
                self._tls.do_handshake()
                self._open = True
                self._connection.connection_made(self)
                self._complete(None)
            while plain := self._tls.read(_CHUNK_BYTES):
                self._connection.data_received(plain)
        except ssl.SSLWantReadError:
            self._flush()
        else:
            self._connection.eof_received()

    def _flush(self) -> None:
        if encrypted := self._outgoing.read():
            self._proxied.write(encrypted)

    def connection_lost(self, error: Exception | None) -> None:
        """End the request in flight, or the attempt to connect."""
        if self._open:
            self._connection.connection_lost(error)
        else:
            self._fail(error or ConnectionResetError("the proxy closed the connection"))

    def _fail(self, error: Exception) -> None:
        self._proxied.abort()
        if self._open:
            self._connection.connection_lost(error)
        else:
            self._complete(error)

    def _complete(self, outcome: Exception | None) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def write(self, data: bytes) -> None:  # type: ignore[override]  # requests are bytes
        """Encrypt and send."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._fail(error)
        else:
            self._flush()

    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes are not sent yet."""
        return self._proxied.get_write_buffer_size()

    def abort(self) -> None:
        """Close the connection to the proxy."""
        self._proxied.abort()
