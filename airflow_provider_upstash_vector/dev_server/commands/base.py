"""The interface of commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQueries
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex

# Others get 405, except for DELETE where it is documented.
METHODS = frozenset({"HEAD", "GET", "POST", "PUT"})


@dataclass(frozen=True, slots=True)
class ServerState:
    """The state that commands read and change."""

    index: VectorIndex
    resumable_queries: ResumableQueries


@dataclass(frozen=True, slots=True)
class Request:
    """The parts of an HTTP request that a command reads; ``query`` is the query string."""

    namespace: str
    body: bytes
    query: str

    def json(self) -> Any:
        """Return the value of a JSON body."""
        return payloads.read_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """Return the object of a JSON body."""
        return payloads.object_of(self.json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A function that returns the ``result`` of a request, and which requests it accepts."""

    run: Callable[[ServerState, Request], Any]
    writes: bool
    methods: frozenset[str] = METHODS
    takes_namespace: bool = True
