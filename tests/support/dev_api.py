"""The dev server over plain HTTP."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from airflow_provider_upstash_vector.dev_server import DevServer

NEEDS_MODEL = (
    "Embedding data for this index is not allowed. The index must be created with an embedding model to use it."
)
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for plain HTTP: reading them takes 40 ms
VALID_PARTS: dict[str, dict[str, Any]] = {
    "DENSE": {"vector": [0, 0, 0]},
    "SPARSE": {"sparseVector": {"indices": [9], "values": [9]}},
    "HYBRID": {"vector": [0, 0, 0], "sparseVector": {"indices": [9], "values": [9]}},
}


class Api(httpx.Client):
    """A client of a dev server; a call returns the result, or status and message of an error."""

    def __init__(self, server: DevServer, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token or server.token}"}
        super().__init__(base_url=server.url, headers=headers, trust_env=False, verify=NO_AUTHORITIES)

    def __call__(self, path: str, body: Any = None, method: str = "POST") -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.request(method, path, content=content)
        value = response.json()
        if response.status_code == 200:
            assert list(value) == ["result"]
            return value["result"]
        assert value == {"error": value["error"], "status": response.status_code}
        return response.status_code, value["error"]

    def fetch_all_parts(self, *ids: str, namespace: str = "") -> Any:
        """Fetch vectors with all their parts."""
        flags = {"includeVectors": True, "includeMetadata": True, "includeData": True}
        return self(f"/fetch/{namespace}", {"ids": ids, **flags})


@contextmanager
def index(**options: Any) -> Iterator[Api]:
    """Run a dev server, by default of three dimensions."""
    with DevServer(**{"dimension": 3, **options}) as server, Api(server) as api:
        yield api
