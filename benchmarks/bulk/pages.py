"""A server of ``/range`` that is never the bottleneck: it makes one page at its start, and changes the ids only.

``python -m benchmarks.bulk.pages ROWS DIMENSION DELAY_MS`` prints its URL. The dev server would take more than a
millisecond for each vector.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import orjson

from benchmarks.bulk.sinks import Sinks

MAX_PAGE_ROWS = 1_000
_PAGE_MARK = b"page-mark"
_HEAD_END = b"\r\n\r\n"
_STOP_SECONDS = 60


@contextmanager
def pages(sinks: Sinks, rows: int, dimension: int, delay_ms: int = 0) -> Iterator[str]:
    """Run the server on the cores of ``sinks``; yield its URL. A page is sent ``delay_ms`` after its request."""
    command = [sys.executable, "-m", "benchmarks.bulk.pages", *map(str, (rows, dimension, delay_ms))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, sinks.cores)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


class _Connection(asyncio.Protocol):
    """Responds to requests that are sent one after another."""

    def __init__(self, index: _Index, delay_ms: int) -> None:
        self._index = index
        self._delay_seconds = delay_ms / 1000
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(_HEAD_END)
        _, _, length = head.lower().partition(b"content-length:")
        if not separator or len(body) < int(length.split(b"\r\n", 1)[0] or 0):
            return
        self._received = b""
        if b"/range" in head.split(b"\r\n", 1)[0]:
            asyncio.get_running_loop().call_later(self._delay_seconds, self._respond, self._index.page(body))
        else:
            self._respond(self._index.info)

    def _respond(self, content: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d%b" % (len(content), _HEAD_END))
        self._transport.write(content)


class _Index:
    def __init__(self, rows: int, dimension: int) -> None:
        page_rows = min(rows, MAX_PAGE_ROWS)
        self._pages = rows // page_rows
        vectors = np.random.default_rng(1).standard_normal((page_rows, dimension), dtype=np.float32)
        page = [
            {"id": f"{_PAGE_MARK.decode()}-{n}", "vector": vector, "metadata": {"n": n}, "data": f"text {n}"}
            for n, vector in enumerate(vectors)
        ]
        self._page = orjson.dumps(page, option=orjson.OPT_SERIALIZE_NUMPY)
        counts = {"vectorCount": rows, "pendingVectorCount": 0}
        properties = {"dimension": dimension, "similarityFunction": "COSINE", "indexType": "DENSE", "indexSize": 0}
        self.info = orjson.dumps({"result": {**counts, **properties, "namespaces": {"": counts}}})

    def page(self, body: bytes) -> bytes:
        """Return the response to a request for a page; no id has a prefix, so that there is a short warm-up."""
        request = orjson.loads(body)
        if request.get("prefix"):
            return b'{"result":{"nextCursor":"","vectors":[]}}'
        number = int(request["cursor"]) + 1
        cursor = number if number < self._pages else ""
        vectors = self._page.replace(_PAGE_MARK, b"page-%04d" % number)
        return b'{"result":{"nextCursor":"%b","vectors":%b}}' % (str(cursor).encode(), vectors)


async def _serve(rows: int, dimension: int, delay_ms: int) -> None:
    index = _Index(rows, dimension)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(index, delay_ms), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(*map(int, sys.argv[1:])))
