"""A slow server that counts the requests in flight, in all and by vector, and can be down."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter, defaultdict
from types import TracebackType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from typing_extensions import Self

Outage = Literal["503", "refused", "timeouts"]

_INFO = (
    b'{"result":{"vectorCount":1,"pendingVectorCount":0,"indexSize":1,"dimension":2,"similarityFunction":"COSINE",'
    b'"namespaces":{"":{"vectorCount":1,"pendingVectorCount":0}}}}'
)


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class SlowServer:
    """Responds after ``seconds``, to a share after ``slow_seconds``, and with 500 to requests with ``poison`` ids.

    ``times`` and ``received`` have the rows of updates and upserts.

    An asyncio server in a thread, on a free loopback port.
    """

    def __init__(self) -> None:
        self.seconds = 0.002
        self.slow_share, self.slow_seconds = 0.0, 0.0
        self.outage: Outage | None = None
        self.poison: set[str] = set()
        self.overlapping: set[tuple[str, str]] = set()
        self.received: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.times: list[float] = []
        self.connections = 0
        self.max_in_flight = 0
        self.max_in_flight_by_vector = 0
        self._in_flight = 0
        self._by_vector: Counter[tuple[str, str]] = Counter()
        self._port = 0
        self._stopped = asyncio.Event()
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _serve(self) -> None:
        async def main() -> None:
            await self._listen()
            self._port = self._server.sockets[0].getsockname()[1]
            self._started.set()
            await self._stopped.wait()
            self._server.close()

        self._loop.run_until_complete(main())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, backlog=2048)

    def be_down(self, outage: Outage, seconds: float) -> None:
        """Be down for so many seconds: respond with 503, refuse connections, or respond to nothing."""

        async def down() -> None:
            self.outage = outage
            if outage == "refused":
                self._server.close()
                for writer in self._writers:
                    writer.transport.abort()
            await asyncio.sleep(seconds)
            if outage == "refused":
                await self._listen()
            self.outage = None

        asyncio.run_coroutine_threadsafe(down(), self._loop).result(seconds + 60)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                path = head.split()[1]
                length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
                body = json.loads(await reader.readexactly(length)) if length else {}
                rows = body if isinstance(body, list) else [body]
                if self.outage == "503":
                    writer.write(b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")
                    continue
                if path == "/info":
                    if self.outage is None:
                        writer.write(_response(_INFO))
                    continue
                if any(row["id"] in self.poison for row in rows):
                    self.times += [time.monotonic()] * len(rows)
                    writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
                    continue
                namespace = unquote(path.removeprefix("/").partition("/")[2])
                await self._write([((namespace, row["id"]), row.get("data", "")) for row in rows])
                if self.outage != "timeouts":
                    result = b'"Success"' if isinstance(body, list) else b'{"updated":1}'
                    writer.write(_response(b'{"result":%b}' % result))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self._writers.discard(writer)

    async def _write(self, rows: list[tuple[tuple[str, str], str]]) -> None:
        by_vector = self._by_vector
        self._in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        for key, data in rows:
            self.times.append(time.monotonic())
            self.received[key].append(data)
            by_vector[key] += 1
            self.max_in_flight_by_vector = max(self.max_in_flight_by_vector, by_vector[key])
            if by_vector[key] > 1:
                self.overlapping.add(key)
        await asyncio.sleep(self.slow_seconds if random.random() < self.slow_share else self.seconds)
        self._in_flight -= 1
        by_vector.subtract(key for key, _ in rows)

    def begin_process(self) -> None:
        """Forget the requests in flight of a process that was killed."""
        self._by_vector = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._loop.close()
