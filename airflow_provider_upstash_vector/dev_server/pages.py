"""The pages of the index for a browser: a reader that runs the server's own commands, and their paths.

They need no token, as a browser has none, so only programs and pages of this machine get them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from airflow_provider_upstash_vector.dev_server.commands import COMMANDS, Request, ServerState
from airflow_provider_upstash_vector.dev_server.responses import HttpError
from airflow_provider_upstash_vector.index_page.app import pages_app, use_reader
from airflow_provider_upstash_vector.index_page.reader import (
    IndexFacts,
    NamespaceFacts,
    ReadFailed,
    Search,
    StoredVector,
    VectorPage,
)

NAME = "dev server"
_PAGE_VECTORS = 25
_INCLUDE = {"includeVectors": True, "includeMetadata": True, "includeData": True}


@dataclass(frozen=True, slots=True)
class DevServerReader:
    """The ``IndexReader`` of a dev server at ``url``, which has one index and no tasks."""

    state: ServerState
    url: str
    shows_contents: bool = True
    opens_by_name: bool = False

    async def connections(self) -> Sequence[str]:
        """Return the name of the only index."""
        return [NAME]

    async def facts(self, connection_id: str) -> IndexFacts:
        """Return the properties and counts of the index, and how to connect to it."""
        started = time.monotonic()
        info = self._run(connection_id, "info", "", {})
        parts = (info.get("denseIndex"), info.get("sparseIndex"))
        return IndexFacts(
            url=self.url,
            index_type=info["indexType"],
            dimension=info["dimension"],
            similarity=info["similarityFunction"],
            models=[part["embeddingModel"] for part in parts if part and part["embeddingModel"]],
            vectors=info["vectorCount"],
            pending=info["pendingVectorCount"],
            size_bytes=info["indexSize"],
            namespaces=[
                NamespaceFacts(name=name, vectors=counts["vectorCount"], pending=counts["pendingVectorCount"])
                for name, counts in info["namespaces"].items()
            ],
            seconds=time.monotonic() - started,
            read_at=datetime.now(timezone.utc),
            notes={
                "To connect": f"UPSTASH_VECTOR_REST_URL={self.url}",
                "Token": "UPSTASH_VECTOR_REST_TOKEN=… that the server was started with, or printed then",
            },
        )

    async def vectors(self, connection_id: str, namespace: str, prefix: str, cursor: str) -> VectorPage:
        """Return a page of vectors."""
        body = {"cursor": cursor or "0", "limit": _PAGE_VECTORS, "prefix": prefix, **_INCLUDE}
        page = self._run(connection_id, "range", namespace, body)
        return VectorPage(vectors=[*map(_stored, page["vectors"])], next_cursor=page["nextCursor"])

    async def vector(self, connection_id: str, namespace: str, id: str) -> StoredVector | None:
        """Return one vector."""
        (found,) = self._run(connection_id, "fetch", namespace, {"ids": [id], **_INCLUDE})
        return None if found is None else _stored(found)

    async def search(self, connection_id: str, namespace: str, search: Search) -> Sequence[StoredVector]:
        """Return the nearest vectors."""
        body: dict[str, Any] = {"topK": _PAGE_VECTORS, "filter": search.filter, **_INCLUDE}
        if search.text is not None:
            body["data"] = search.text
        if search.vector is not None:
            body["vector"] = search.vector
        if search.sparse is not None:
            body["sparseVector"] = dict(zip(("indices", "values"), search.sparse, strict=True))
        command = "query" if search.text is None else "query-data"
        return [*map(_stored, self._run(connection_id, command, namespace, body))]

    async def runs(self, connection_id: str) -> None:
        """Return ``None``: there are no tasks here."""

    def _run(self, connection_id: str, command: str, namespace: str, body: Mapping[str, Any]) -> Any:
        if connection_id != NAME:
            raise ReadFailed(f"There is one index here: {NAME}.", 404)
        try:
            return COMMANDS[command].run(self.state, Request(namespace, json.dumps(body).encode(), ""))
        except HttpError as error:
            raise ReadFailed(error.message, error.status) from None


def _stored(item: Mapping[str, Any]) -> StoredVector:
    sparse = item.get("sparseVector")
    return StoredVector(
        id=item["id"],
        vector=item.get("vector"),
        sparse=None if sparse is None else (sparse["indices"], sparse["values"]),
        metadata=item.get("metadata"),
        data=item.get("data"),
        score=item.get("score"),
    )


def is_page(scope: Scope) -> bool:
    """Return whether a request is one for a page: of a browser for ``/``, or for a path of the pages."""
    path = scope["path"]
    if path == "/":
        return scope["method"] in {"GET", "HEAD"} and "text/html" in Headers(scope=scope).get("accept", "")
    return bool(path.startswith(("/connections/", "/static/")))


_APP = pages_app()


async def respond(scope: Scope, receive: Receive, send: Send, reader: DevServerReader) -> None:
    """Send a page."""
    use_reader(scope, reader)
    await _APP(scope, receive, send)
