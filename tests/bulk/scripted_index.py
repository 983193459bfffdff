"""An index in memory whose requests are answered when, and in the order, that a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from airflow_provider_upstash_vector.client.errors import AnswerLost
from airflow_provider_upstash_vector.client.wire import Answer


@dataclass(eq=False, slots=True)
class Request:
    """An update of vector ``id`` by row ``number``."""

    id: str
    number: int
    answer: asyncio.Future[Answer]


class ScriptedIndex:
    """Takes updates with the metadata ``{"n": row number}``; ``sending`` is called with each one that arrives.

    ``handled`` holds the rows of each vector in the order in which they were carried out or refused.
    """

    def __init__(self, sending: Callable[[Request], None]) -> None:
        self.in_flight: list[Request] = []
        self.handled: dict[str, list[int]] = {}
        self._sending = sending

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> Answer:
        update = orjson.loads(body)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        request = Request(update["id"], update["metadata"]["n"], answer)
        self._sending(request)
        self.in_flight.append(request)
        return await answer

    async def close(self) -> None:
        """Do nothing."""

    def handle(self, request: Request) -> None:
        self.handled.setdefault(request.id, []).append(request.number)

    def answer(self, request: Request, kind: str) -> None:
        """Answer ``updated``, ``missing``, ``refused`` or ``busy``, or let the answer be ``lost``."""
        self.in_flight.remove(request)
        self.handle(request)
        if request.answer.done():
            return
        if kind == "lost":
            request.answer.set_exception(AnswerLost("cut"))
            return
        status = {"refused": 422, "busy": 503}.get(kind, 200)
        content = {"result": {"updated": int(kind == "updated")}} if status == 200 else {"error": kind}
        request.answer.set_result(Answer(status, {}, orjson.dumps({**content, "status": status})))
