"""An index with vectors for bulk runs, and how they are run in tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.index_fixtures import QUICK

# No retry because of a machine with other work to do: the tests count requests.
PATIENT = replace(
    QUICK, max_attempts=10, connect_timeout_seconds=30.0, request_timeout_seconds=30.0, total_timeout_seconds=60.0
)

Run = Callable[..., bulk.BulkReport]


@pytest.fixture
def run(endpoint: Endpoint) -> Run:
    """``bulk.run`` on the index, with quick retries and no progress."""

    def run_bulk(rows: object, **arguments: Any) -> bulk.BulkReport:
        return bulk.run(rows, endpoint, **{"policy": PATIENT, "progress": "none", **arguments})

    return run_bulk


def fill(server: DevServer, ids: Iterable[str], namespace: str = "") -> None:
    """Write vectors with the metadata ``{"n": -1}``; requests are counted from 0 afterwards."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(({"id": id, "vector": [1, 1], "metadata": {"n": -1}} for id in ids), namespace)
    server.requests.clear()


def stored(server: DevServer, namespace: str = "") -> dict[str, Mapping[str, Any] | None]:
    """Return the metadata of every vector."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        return {found.id: found.metadata for found in client.range(namespace, include_metadata=True)}


def failed(run: Callable[[], object]) -> bulk.BulkUpdateFailed:
    """Return the error in which a run ends."""
    with pytest.raises(bulk.BulkUpdateFailed) as raised:
        run()
    return raised.value
