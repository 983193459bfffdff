"""The request counts of the clients."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import RateLimited
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.index_fixtures import QUICK


def test_requests_and_retries_and_waits_after_a_429(server: DevServer, endpoint: Endpoint) -> None:
    with VectorClient(endpoint, policy=QUICK) as client:
        client.info()
        assert (client.request_stats.requests, client.request_stats.retries) == (1, 0)
        server.faults.add(Fault(kind="status", status=503, times=1))
        client.info()
        assert (client.request_stats.requests, client.request_stats.retries) == (3, 1)
        assert client.request_stats.throttled_seconds == 0
        server.faults.add(Fault(kind="status", status=429, times=1, retry_after="1"))
        client.info()
        client.list_namespaces()
        assert (client.request_stats.requests, client.request_stats.retries) == (6, 2)
        assert client.request_stats.throttled_seconds >= 1
        assert 0 < client.request_stats.request_seconds < 1


def test_a_request_that_fails_counts(server: DevServer, endpoint: Endpoint) -> None:
    server.faults.add(Fault(kind="status", status=429, times=9))
    with VectorClient(endpoint, policy=QUICK) as client:
        with pytest.raises(RateLimited):
            client.info()
        assert (client.request_stats.requests, client.request_stats.retries) == (5, 4)


def test_an_async_client_counts_too(server: DevServer, endpoint: Endpoint) -> None:
    async def run() -> None:
        async with AsyncVectorClient(endpoint, policy=QUICK) as client:
            server.faults.add(Fault(kind="status", status=429, times=1, retry_after="1"))
            await client.info()
            stats = client.request_stats
            assert (stats.requests, stats.retries, stats.throttled_seconds >= 1) == (2, 1, True)

    asyncio.run(run())
