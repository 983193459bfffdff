"""What an index stores, written and read as JSON without the client."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from airflow_provider_upstash_vector.dev_server import DevServer

_EVERYTHING = {"includeVectors": True, "includeMetadata": True, "includeData": True}


def write(
    server: DevServer, vectors: Iterable[dict[str, Any]], namespace: str = "", command: str = "upsert"
) -> None:
    """Write vectors in the service's own terms."""
    _post(server, command, namespace, [*vectors])


def read(server: DevServer, namespace: str = "") -> dict[str, dict[str, Any]]:
    """Return all vectors of a namespace by id, in the service's own terms."""
    vectors: dict[str, dict[str, Any]] = {}
    cursor = "0"
    while cursor:
        page = _post(server, "range", namespace, {"cursor": cursor, "limit": 1000, **_EVERYTHING})
        vectors.update({vector["id"]: vector for vector in page["vectors"]})
        cursor = page["nextCursor"]
    return vectors


def _post(server: DevServer, command: str, namespace: str, body: object) -> Any:
    segment = f"/{quote(namespace, safe='')}" if namespace else ""
    request = Request(  # noqa: S310 - of the dev server
        f"{server.url}/{command}{segment}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as response:  # noqa: S310 - as above
        return json.load(response)["result"]
