"""What happens in a dev server right after a command has run, before its response is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.dev_server.app import Service
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
