"""An index in memory; a test decides when and in which order requests get their responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

from airflow_provider_upstash_vector.client.errors import ResponseLost
from airflow_provider_upstash_vector.client.wire import Response


@dataclass(eq=False, slots=True)
class Request:
    """An update of vector ``id`` by row ``number``."""

    id: str
    number: int
    response: asyncio.Future[Response]


class ScriptedIndex:
    """Takes updates with the metadata ``{"n": row number}``; ``sending`` is called with each one that arrives.

    ``handled`` holds the rows of each vector in the order in which they were applied or rejected.
    """

    def __init__(self, sending: Callable[[Request], None]) -> None:
        self.in_flight: list[Request] = []
        self.handled: dict[str, list[int]] = {}
        self._sending = sending

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Response:
        if path == "/info":  # a probe: any response shows that the service works
            return Response(404, {}, b"")
        update = orjson.loads(body)
        response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        request = Request(update["id"], update["metadata"]["n"], response)
        self._sending(request)
        self.in_flight.append(request)
        return await response

    def use_headers(self, headers: Mapping[str, str]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def handle(self, request: Request) -> None:
        self.handled.setdefault(request.id, []).append(request.number)

    def response(self, request: Request, kind: str) -> None:
        """Respond with ``updated``, ``missing``, ``refused`` or ``busy``, or let the response be ``lost``."""
        self.in_flight.remove(request)
        self.handle(request)
        if request.response.done():
            return
        if kind == "lost":
            request.response.set_exception(ResponseLost("cut"))
            return
        status = {"refused": 422, "busy": 503}.get(kind, 200)
        content = {"result": {"updated": int(kind == "updated")}} if status == 200 else {"error": kind}
        request.response.set_result(Response(status, {}, orjson.dumps({**content, "status": status})))
