"""What a command is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_upstash_vector.dev_server import payloads
from airflow_provider_upstash_vector.dev_server.resumable_queries import ResumableQueries
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex

# 405 is for all other methods, but DELETE where it is documented.
METHODS = frozenset({"HEAD", "GET", "POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Server:
    """What the commands act on."""

    index: VectorIndex
    resumable_queries: ResumableQueries = field(default_factory=ResumableQueries)


@dataclass(frozen=True, slots=True)
class Request:
    """The namespace of the path, the body and the query string."""

    namespace: str
    body: bytes
    query: str

    def json(self) -> Any:
        """Return the body as JSON."""
        return payloads.read_json(self.body)

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object."""
        return payloads.object_of(self.json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A function from server and request to the ``result``, and the rules that hold before it is run."""

    run: Callable[[Server, Request], Any]
    writes: bool
    methods: frozenset[str] = METHODS
    takes_namespace: bool = True
