"""Faults on demand: errors, delays and broken connections in place of the next responses."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from starlette.types import Scope, Send

from airflow_provider_upstash_vector.dev_server.responses import Response, error, result

QUOTA_MESSAGE = "Exceeded daily write limit: 10000"
_HTML = "<html><head><title>{status}</title></head><body><h1>{status} from a proxy</h1></body></html>"
_MAX_DRIPPED_HEADER_BYTES = 64 * 1024
_MAX_SIZE_BYTES = 1024**3
_MAX_SECONDS = 86_400
_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    str: ((str,), "a string"),
}

FindTransport = Callable[[Scope], asyncio.Transport]
Sleep = Callable[[float], Awaitable[object]]

FaultKind = Literal["status", "quota", "cut", "slow", "drip", "garbage", "huge", "stale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, for the next ``times`` requests.

    :param kind: ``"status"``: a response with ``status``; ``"quota"``: the daily limit's 403; ``"cut"``: the
        connection is reset; ``"slow"``: the response starts after ``seconds``; ``"drip"``: it arrives a byte at a
        time, ``seconds`` apart; ``"garbage"``: 200 with ``text``; ``"huge"``: 200 with ``size_bytes``;
        ``"stale"``: ``info`` reports no pending vectors, as if it was not updated since they were written.
    :param times: how many requests it applies to.
    :param command: apply it only to requests of this command, e.g. ``"update"``.
    :param probability: the chance that a request gets the fault; requests without it count towards ``times`` too.
    :param applied: run the command first, as if its response was lost; ``slow``, ``drip``
        and ``stale`` always do.
    :param status: the HTTP status of ``status``.
    :param html: for ``status``: respond with a proxy's HTML page instead of JSON.
    :param retry_after: for ``status``: the ``Retry-After`` header.
    :param partial: for ``cut``: reset the connection in the middle of the response.
    :param seconds: the delay of ``slow`` and ``drip``.
    :param headers: for ``drip``: start with the status line instead of the body.
    :param text: the body of ``garbage``.
    :param size_bytes: the size of the body of ``huge``.
    """

    kind: FaultKind
    times: int = 1
    command: str | None = None
    probability: float = 1.0
    applied: bool = False
    status: int = 503
    html: bool = False
    retry_after: str | None = None
    partial: bool = False
    seconds: float = 0.0
    headers: bool = False
    text: str = "not what you expected"
    size_bytes: int = 17 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}, got {self.kind!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            kinds, words = _KINDS[str if field.name in {"kind", "command", "retry_after"} else type(field.default)]
            if type(value) not in kinds and (value is not None or field.default is not None):
                raise ValueError(f"{field.name} must be {words}, got {value!r}")
        if self.kind == "stale" and self.command is None:
            object.__setattr__(self, "command", "info")
        if self.kind == "stale" and self.command != "info":
            raise ValueError(f"stale is a fault of info, got the command {self.command!r}")
        if self.times < 1 or not 200 <= self.status <= 599:
            raise ValueError("times must be at least 1, status from 200 to 599")
        if not 0 <= self.seconds <= _MAX_SECONDS or not 0 <= self.probability <= 1:
            raise ValueError(f"seconds must be from 0 to {_MAX_SECONDS}, probability from 0 to 1")
        if not 0 <= self.size_bytes <= _MAX_SIZE_BYTES:
            raise ValueError(f"size_bytes must be from 0 to {_MAX_SIZE_BYTES}")
        if self.retry_after is not None and not (self.retry_after.isascii() and self.retry_after.isprintable()):
            raise ValueError(f"retry_after must be printable ASCII, got {self.retry_after!r}")

    @classmethod
    def from_json(cls, value: Any) -> Fault:
        """Return the fault that a JSON object describes. Raises ``ValueError`` if it is not valid."""
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or not set(value) <= names or "kind" not in value:
            raise ValueError(f"a fault must be an object with kind and any of {', '.join(sorted(names))}")
        return cls(**value)


class Faults:
    """The queue of faults that the next requests take from; thread-safe."""

    def __init__(self, random_value: random.Random | None = None) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()
        self._random = random_value or random.Random()  # noqa: S311 - not for secrets

    def add(self, *faults: Fault) -> None:
        """Add faults to the queue."""
        with self._lock:
            self._waiting.extend(faults)

    def clear(self) -> None:
        """Empty the queue."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[dict[str, Any]]:
        """Return the queued faults, as JSON objects."""
        with self._lock:
            return [asdict(fault) for fault in self._waiting]

    def take(self, command: str) -> Fault | None:
        """Take the fault for a request of ``command`` from the queue; return ``None`` if there is none."""
        with self._lock:
            for position, fault in enumerate(self._waiting):
                if fault.command in {None, command}:
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._waiting[position : position + 1] = left
                    return fault if self._random.random() < fault.probability else None
        return None


def fault_response(fault: Fault, response: Response) -> Response:
    """Return what a fault sends in place of ``response``; pure."""
    retry_after = () if fault.retry_after is None else ((b"retry-after", fault.retry_after.encode()),)
    if fault.kind == "status" and fault.html:
        page = _HTML.format(status=fault.status).encode()
        return Response(fault.status, page, "text/html; charset=utf-8", retry_after)
    if fault.kind == "status":
        return error(fault.status, f"Injected fault: {fault.status}", *retry_after)
    if fault.kind == "quota":
        return error(403, QUOTA_MESSAGE)
    if fault.kind in {"garbage", "huge"}:
        garbage = fault.kind == "garbage"
        return Response(200, fault.text.encode() if garbage else b'{"result": "%b"}' % (b"x" * fault.size_bytes))
    if fault.kind == "stale" and response.status == 200:
        return result(_without_pending(json.loads(response.body)["result"]))
    return response


def _without_pending(info: dict[str, Any]) -> dict[str, Any]:
    namespaces = {name: counts | {"pendingVectorCount": 0} for name, counts in info["namespaces"].items()}
    return info | {"pendingVectorCount": 0, "namespaces": namespaces}


@dataclass(frozen=True, slots=True)
class FaultySender:
    """Sends responses with their faults; ``sleep`` is for the seconds of ``slow`` and ``drip``."""

    find_transport: FindTransport
    sleep: Sleep = asyncio.sleep

    async def send(self, fault: Fault, response: Response, scope: Scope, send: Send) -> None:
        """Send ``response``, or what the fault makes of it."""
        response = fault_response(fault, response)
        if fault.kind == "cut":
            transport = self.find_transport(scope)
            if fault.partial:
                await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
                half = response.body[: len(response.body) // 2]
                await send({"type": "http.response.body", "body": half, "more_body": True})
            transport.abort()
        elif fault.kind == "drip" and fault.headers:
            await self._drip_headers(fault, self.find_transport(scope))
        elif fault.kind == "drip":
            await self._drip_body(fault, response, self.find_transport(scope), send)
        else:
            if fault.kind == "slow":
                await self.sleep(fault.seconds)
            await response.send(send)

    async def _drip_headers(self, fault: Fault, transport: asyncio.Transport) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nx-dripping: " + b"x" * _MAX_DRIPPED_HEADER_BYTES:
            if transport.is_closing():
                break
            transport.write(bytes([byte]))
            await self.sleep(fault.seconds)
        transport.abort()

    async def _drip_body(self, fault: Fault, response: Response, transport: asyncio.Transport, send: Send) -> None:
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        for position in range(len(response.body)):
            if transport.is_closing():
                return
            part = response.body[position : position + 1]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await self.sleep(fault.seconds)
        await send({"type": "http.response.body", "body": b""})
