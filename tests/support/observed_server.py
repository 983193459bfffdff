"""Dev servers in which something happens before a response is sent, or whose scans are short."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from unittest import mock

from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.dev_server.app import Service
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
