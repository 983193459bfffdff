"""An index in which writes are pending for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import PENDING_CHECKS


@pytest.fixture
def slow_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevServer]:
    """An index with one vector in namespace ``ns``, pending for two checks: its clock counts the checks."""
    with DevServer(indexing_delay=PENDING_CHECKS + 0.5) as server:
        server._index._pending._clock = lambda: float(server.requests["info"])
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": "a", "vector": [1, 1], "metadata": {"genre": "drama", "year": 1999}}], "ns")
        yield server
