"""Dev servers with something before each response, with short scans, and with responses that wait for others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from starlette.types import Scope, Send

from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.dev_server.app import Service
from airflow_provider_upstash_vector.dev_server.faults import FaultySender
from airflow_provider_upstash_vector.dev_server.responses import Response
from airflow_provider_upstash_vector.dev_server.store import Store
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex


@contextmanager
def observed(server: DevServer, observe: Callable[[VectorIndex], None]) -> Iterator[None]:
    """Call ``observe`` with the index after each command, in the server's thread."""
    respond = Service._respond

    def respond_and_observe(self: Service, *args: object) -> object:
        response = respond(self, *args)  # type: ignore[arg-type]  # those of the method
        if self is server._service:
            observe(self.state.index)
        return response

    with mock.patch.object(Service, "_respond", respond_and_observe):
        yield


@contextmanager
def short_scans(omitted: Collection[str]) -> Iterator[None]:
    """Leave vectors out of the pages of all dev servers: a scan is no snapshot."""
    read = Store.range

    def read_fewer(self: Store, namespace: str, after: int, limit: int, prefix: str) -> object:
        rows = read(self, namespace, after, limit + len(omitted), prefix)
        return [row for row in rows if row[1].id not in omitted][:limit]

    with mock.patch.object(Store, "range", read_fewer):
        yield


@contextmanager
def responses_together(expected: int) -> Iterator[SimpleNamespace]:
    """Hold back responses with faults until ``expected`` are due at a time, or for ten seconds.

    Yields what counts the ``most``. Those that are not expected have time to arrive before the first is sent.
    """
    due = SimpleNamespace(now=0, most=0)

    async def send(_: object, __: object, response: Response, ___: Scope, send: Send) -> None:
        due.now += 1
        due.most = max(due.most, due.now)
        for _ in range(100):
            if due.most >= expected:
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        due.now -= 1
        await response.send(send)

    with mock.patch.object(FaultySender, "send", send):
        yield due
