"""The dev server over plain HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx

from airflow_provider_upstash_vector.dev_server import DevServer

NEEDS_MODEL = (
    "Embedding data for this index is not allowed. The index must be created with an embedding model to use it."
)


GOOD: dict[str, dict[str, Any]] = {
    "DENSE": {"vector": [0, 0, 0]},
    "SPARSE": {"sparseVector": {"indices": [9], "values": [9]}},
    "HYBRID": {"vector": [0, 0, 0], "sparseVector": {"indices": [9], "values": [9]}},
}


class Api:
    """Posts to a dev server; returns the result, or (status, message)."""

    def __init__(self, server: DevServer, token: str | None = None) -> None:
        self.http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {token or server.token}"}, trust_env=False
        )

    def __call__(self, path: str, body: Any = None, method: str = "POST") -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self.http.request(method, path, content=content)
        said = answer.json()
        if answer.status_code == 200:
            assert list(said) == ["result"]
            return said["result"]
        assert said == {"error": said["error"], "status": answer.status_code}
        return answer.status_code, said["error"]


def index(**spec: Any) -> DevServer:
    return DevServer(**{"dimension": 3, **spec})


def everything(api: Api, *ids: str, namespace: str = "") -> Any:
    flags = {"includeVectors": True, "includeMetadata": True, "includeData": True}
    return api(f"/fetch/{namespace}", {"ids": ids, **flags})
