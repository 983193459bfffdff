"""A server that answers updates after a latency, within a token bucket, or one after another.

``python -m benchmarks.bulk.limiting_server JSON`` prints its port, and responds until it is terminated.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from urllib.request import urlopen

_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{"result":{"updated":1}}'


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds of latency, rows a second, and those at once; ``capacity`` rows a second are worked off in turn."""

    latency: float = 0.0
    rate: float | None = None
    burst: float = 0.0
    retry_after: int | None = None
    capacity: float | None = None


class _Service:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tokens, self._at = limits.burst, time.monotonic()
        self._free_at = 0.0
        self.refused = 0
        self.latencies: list[tuple[float, float]] = []
        after = "" if limits.retry_after is None else f"Retry-After: {limits.retry_after}\r\n"
        self._too_many = f"HTTP/1.1 429 Too Many Requests\r\n{after}Content-Length: 0\r\n\r\n".encode()

    def answer(self) -> tuple[bytes, float]:
        """Return the response to a request, and after how many seconds."""
        limits, now = self._limits, time.monotonic()
        if limits.rate is not None:
            self._tokens = min(limits.burst, self._tokens + (now - self._at) * limits.rate)
            self._at = now
            if self._tokens < 1.0:
                self.refused += 1
                return self._too_many, limits.latency
            self._tokens -= 1.0
        wait = limits.latency
        if limits.capacity is not None:
            self._free_at = max(self._free_at, now) + 1.0 / limits.capacity
            wait += self._free_at - now
        self.latencies.append((now, wait))
        return _OK, wait

    def figures(self) -> bytes:
        """Return the refusals, and the 95th percentile of latency after two seconds, as a response."""
        begin = self.latencies[0][0] + 2.0 if self.latencies else 0.0
        late = sorted(wait for at, wait in self.latencies if at >= begin)
        p95 = late[int(0.95 * len(late))] if late else 0.0
        body = json.dumps({"refused": self.refused, "p95": p95}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


class _Connection(asyncio.Protocol):
    def __init__(self, service: _Service) -> None:
        self._service = service
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]  # of a TCP server

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._request()) is not None:
            if request.startswith(b"GET"):
                self._transport.write(self._service.figures())
                self._transport.close()
                return
            response, seconds = self._service.answer()
            asyncio.get_running_loop().call_later(seconds, self._transport.write, response)

    def _request(self) -> bytes | None:
        head, end, rest = self._received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not end or len(rest) < length:
            return None
        self._received = rest[length:]
        return head


@contextmanager
def limiting_server(limits: Limits, cores: list[int]) -> Iterator[str]:
    """Run a server on ``cores``; yield its URL."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # inherited by the server
    command = [sys.executable, "-m", "benchmarks.bulk.limiting_server", json.dumps(asdict(limits))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(0, own)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(60)


def figures(url: str) -> dict[str, float]:
    """Return the figures of a server: requests refused, and the 95th percentile of latency."""
    with urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
        return dict(json.load(response))


async def _serve(limits: Limits) -> None:
    service = _Service(limits)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Limits(**json.loads(sys.argv[1]))))
