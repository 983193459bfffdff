"""An index in which writes are pending for a while."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.polling import conditions
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import PENDING_CHECKS


@pytest.fixture
def quick_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait after a write checks again after a moment instead of a second."""
    monkeypatch.setattr(conditions, "CONFIRM_SECONDS", 0.01)


@pytest.fixture
def slow_index(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[DevServer]:
    """An index with one vector in namespace ``ns``, pending for two checks or the fixture's parameter."""
    delay = getattr(request, "param", PENDING_CHECKS) + 0.5
    with DevServer(indexing_delay=delay, clock=lambda: float(server.requests["info"])) as server:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": "a", "vector": [1, 1], "metadata": {"genre": "drama", "year": 1999}}], "ns")
        yield server
