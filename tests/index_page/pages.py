"""A reader with values of a test, and the pages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_upstash_vector.index_page.app import pages_app, use_reader
from airflow_provider_upstash_vector.index_page.reader import (
    IndexFacts,
    NamespaceFacts,
    ReadFailed,
    Search,
    StoredVector,
    TaskRun,
    VectorPage,
)

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def facts(**values: Any) -> IndexFacts:
    defaults: dict[str, Any] = {
        "url": "https://movies.upstash.io",
        "index_type": "DENSE",
        "dimension": 3,
        "similarity": "COSINE",
        "models": ["BGE_M3"],
        "vectors": 12_345,
        "pending": 7,
        "size_bytes": 3 * 1024 * 1024,
        "namespaces": [
            NamespaceFacts(name="", vectors=12_000, pending=7),
            NamespaceFacts(name="a/b", vectors=345, pending=0),
        ],
        "seconds": 0.043,
        "read_at": NOW,
    }
    return IndexFacts(**{**defaults, **values})


@dataclass
class FakeReader:
    """An ``IndexReader`` of values; ``asked`` has the arguments of the calls that read contents."""

    indexes: dict[str, IndexFacts | ReadFailed] = field(default_factory=lambda: {"movies": facts()})
    stored: Sequence[StoredVector] = ()
    task_runs: Sequence[TaskRun] | None = None
    shows_contents: bool = True
    opens_by_name: bool = True
    next_cursor: str = ""
    error: ReadFailed | None = None
    asked: list[Any] = field(default_factory=list)

    async def connections(self) -> Sequence[str]:
        return [*self.indexes]

    async def facts(self, connection_id: str) -> IndexFacts:
        found = self.indexes[connection_id]
        if isinstance(found, ReadFailed):
            raise found
        return found

    async def vectors(self, connection_id: str, namespace: str, prefix: str, cursor: str) -> VectorPage:
        self._ask(namespace, prefix, cursor)
        return VectorPage(vectors=self.stored, next_cursor=self.next_cursor)

    async def vector(self, connection_id: str, namespace: str, id: str) -> StoredVector | None:
        self._ask(namespace, id)
        return next((vector for vector in self.stored if vector.id == id), None)

    async def search(self, connection_id: str, namespace: str, search: Search) -> Sequence[StoredVector]:
        self._ask(namespace, search)
        return self.stored

    async def runs(self, connection_id: str) -> Sequence[TaskRun] | None:
        return self.task_runs

    def _ask(self, *arguments: Any) -> None:
        self.asked.append(arguments)
        if self.error:
            raise self.error


class _Reading:
    def __init__(self, app: ASGIApp, reader: FakeReader) -> None:
        self._app, self._reader = app, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        use_reader(scope, self._reader)
        await self._app(scope, receive, send)


def pages_of(reader: FakeReader, root_path: str = "/airflow/upstash-vector") -> TestClient:
    """Return a client of the pages, mounted at ``root_path``."""
    app = _Reading(pages_app(), reader)
    return TestClient(
        app,
        base_url="http://127.0.0.1",
        root_path=root_path,
        follow_redirects=False,
        raise_server_exceptions=False,
    )
