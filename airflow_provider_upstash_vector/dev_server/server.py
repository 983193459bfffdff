"""The dev server: uvicorn in a thread of this process, on a loopback port."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.request import ProxyHandler, Request, build_opener

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_upstash_vector.dev_server.app import Service, Tokens
from airflow_provider_upstash_vector.dev_server.commands import ServerState
from airflow_provider_upstash_vector.dev_server.faults import Faults, FaultySender, Sleep
from airflow_provider_upstash_vector.dev_server.models import IndexSpec
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQueries
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex

if TYPE_CHECKING:
    from typing_extensions import Self

_KEEP_ALIVE_SECONDS = 120
# uvicorn up to 0.35 sets the event loop policy of the whole process if it uses uvloop
_LOOP: Literal["auto", "none"] = "auto" if hasattr(uvicorn.Config, "get_loop_factory") else "none"
_BACKLOG = 2048
_STOP_SECONDS = 10.0


class DevServer:
    """A local Upstash Vector index, as a context manager or with ``start`` and ``stop``.

    A connection needs its ``url`` and ``token``.

    :param token: the read-write token; by default a random one.
    :param read_only_token: the token that may only read; by default a random one.
    :param database: the file that stores the vectors, or ``":memory:"``.
    :param port: 0 takes a free one.
    :param indexing_delay: how many seconds a written vector is pending, i.e. not found by queries.
    :param clock: for tests: returns the seconds that ``indexing_delay`` and idle resumable queries are timed by.
    :param sleep: for tests: replaces ``asyncio.sleep`` in faults with ``seconds``.
    :param spec: the arguments of :class:`IndexSpec`.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        read_only_token: str | None = None,
        database: str | Path = ":memory:",
        port: int = 0,
        indexing_delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        **spec: Any,
    ) -> None:
        self.token = token or secrets.token_urlsafe(24)
        self.read_only_token = read_only_token or secrets.token_urlsafe(24)
        self.spec = IndexSpec(**spec)
        self._connections = Connections()
        self._index = VectorIndex(self.spec, database, indexing_delay, clock)
        try:
            self._socket = _listen(port)
        except BaseException:
            self._index.store.close()
            raise
        self._service = Service(
            state=ServerState(self._index, ResumableQueries(clock)),
            tokens=Tokens(full=self.token, read_only=self.read_only_token),
            faulty_sender=FaultySender(self._connections.find_transport, sleep),
        )
        self._server = uvicorn.Server(self._config())
        self._thread = threading.Thread(target=self._serve, name="upstash-vector-dev-server", daemon=True)

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._service,
            http=self._connections.protocol(),
            loop=_LOOP,
            lifespan="off",
            ws="none",
            access_log=False,
            log_level="warning",
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
            backlog=_BACKLOG,
            server_header=False,
        )

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def faults(self) -> Faults:
        """The faults of the next requests."""
        return self._service.faults

    @property
    def requests(self) -> Counter[str]:
        """The number of requests of each command."""
        return self._service.requests

    def clear(self) -> None:
        """Delete all vectors, namespaces and faults, and count requests from 0."""
        request = Request(f"{self.url}/_dev/clear", method="POST")  # noqa: S310 - our own http URL
        build_opener(ProxyHandler({})).open(request, timeout=_STOP_SECONDS).close()

    def rotate_token(self, token: str | None = None) -> None:
        """Replace the read-write token, by default with a random one; the old one is rejected from now on."""
        self.token = token or secrets.token_urlsafe(24)
        self._service.tokens = Tokens(full=self.token, read_only=self.read_only_token)

    def run(self) -> None:
        """Serve on this thread until SIGINT or SIGTERM."""
        try:
            self._serve()
        finally:
            self._index.store.close()

    def start(self) -> None:
        """Serve in a thread; from then on requests are accepted."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the database. Raises ``RuntimeError`` if the thread does not end in time."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(f"the dev server did not stop within {_STOP_SECONDS:.0f} s")
        self._index.store.close()
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Connections:
    """The open connections, so that faults can reset them: ASGI cannot."""

    def __init__(self) -> None:
        self._by_peer: dict[tuple[str, int], asyncio.Transport] = {}

    def find_transport(self, scope: Scope) -> asyncio.Transport:
        """Return the transport of the connection that a request came on."""
        return self._by_peer[tuple(scope["client"])]

    def protocol(self) -> type[asyncio.Protocol]:
        """Return a subclass of uvicorn's protocol that tracks its connections here."""
        by_peer = self._by_peer

        class TrackedProtocol(AutoHTTPProtocol):  # type: ignore[valid-type,misc]  # chosen by uvicorn at run time
            def connection_made(self, transport: asyncio.Transport) -> None:
                by_peer[transport.get_extra_info("peername")] = self.tracked = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                by_peer.pop(self.tracked.get_extra_info("peername"), None)
                super().connection_lost(exc)

        return TrackedProtocol


def _listen(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    # asyncio does so only for sockets of protocol IPPROTO_TCP; without it the parts of a response wait for ACKs
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
