"""Answers on their way to the client, whole or with a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope, Send

from airflow_provider_upstash_vector.dev_server.faults import Fault

QUOTA_MESSAGE = "Exceeded daily write limit: 10000"
_HTML = "<html><head><title>{status}</title></head><body><h1>{status} from a proxy</h1></body></html>"
_PAUSE_MAX_BYTES = 64 * 1024

FindTransport = Callable[[Scope], asyncio.Transport]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    extra_headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers, content length included."""
        return [
            (b"content-type", self.content_type.encode()),
            (b"content-length", str(len(self.body)).encode()),
            *self.extra_headers,
        ]

    async def send(self, send: Send) -> None:
        """Send it whole."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def result(value: Any) -> Answer:
    """Return the answer of a command that succeeded."""
    return Answer(200, json.dumps({"result": value}, ensure_ascii=False, allow_nan=False).encode())


def error(status: int, message: str, *extra_headers: tuple[bytes, bytes]) -> Answer:
    """Return the documented shape of an error."""
    body = json.dumps({"error": message, "status": status}, ensure_ascii=False).encode()
    return Answer(status, body, extra_headers=extra_headers)


def instead(fault: Fault, good: Answer) -> Answer:
    """Return what a fault puts in the place of a good answer; pure."""
    waits = () if fault.retry_after is None else ((b"retry-after", fault.retry_after.encode()),)
    if fault.kind == "status" and fault.html:
        page = _HTML.format(status=fault.status).encode()
        return Answer(fault.status, page, "text/html; charset=utf-8", waits)
    if fault.kind == "status":
        return error(fault.status, f"A fault that was asked for: {fault.status}", *waits)
    if fault.kind == "quota":
        return error(403, QUOTA_MESSAGE)
    if fault.kind == "garbage":
        return Answer(200, fault.text.encode())
    if fault.kind == "huge":
        return Answer(200, b'{"result": "' + b"x" * fault.size_bytes + b'"}')
    return good


async def send_with(fault: Fault, good: Answer, scope: Scope, send: Send, find_transport: FindTransport) -> None:
    """Send a good answer in the way that a fault makes of it."""
    answer = instead(fault, good)
    if fault.kind == "cut":
        transport = find_transport(scope)
        if fault.partial:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        transport.abort()
    elif fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        await answer.send(send)
    elif fault.kind == "drip":
        await _drip(fault, answer, scope, send, find_transport)
    else:
        await answer.send(send)


async def _drip(fault: Fault, answer: Answer, scope: Scope, send: Send, find_transport: FindTransport) -> None:
    transport = find_transport(scope)
    if fault.headers:
        for byte in b"HTTP/1.1 200 OK\r\nx-dripping: " + b"x" * _PAUSE_MAX_BYTES:
            if transport.is_closing():
                break
            transport.write(bytes([byte]))
            await asyncio.sleep(fault.seconds)
        transport.abort()
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    for position in range(len(answer.body)):
        if transport.is_closing():
            return
        await send({"type": "http.response.body", "body": answer.body[position : position + 1], "more_body": True})
        await asyncio.sleep(fault.seconds)
    await send({"type": "http.response.body", "body": b""})
