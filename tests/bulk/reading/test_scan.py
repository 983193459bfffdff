from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan, ScannedPage
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import ApiError
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import fill


def scanned(endpoint: Endpoint, scan: Scan, cursor: str = "0", leave_after: int = 99) -> list[ScannedPage]:
    async def run() -> list[ScannedPage]:
        pages = []
        async with PacedClient(endpoint) as client, aclosing(scan.pages(client, cursor)) as reading:
            async for page in reading:
                pages.append(page)
                if len(pages) == leave_after:
                    break
        return pages

    return asyncio.run(run())


def test_pages_have_what_the_service_stores(server: DevServer, endpoint: Endpoint) -> None:
    with VectorClient(endpoint) as client:
        client.upsert([{"id": "a", "vector": [1, 0.5], "metadata": {"n": 2**63}, "data": "text"}], "films")
    [(cursor, page)] = scanned(endpoint, Scan(namespace="films"))
    assert (cursor, page.next_cursor) == ("0", "")
    assert page.vectors == [{"id": "a", "vector": [1, 0.5], "metadata": {"n": 2**63}, "data": "text"}]
    [(_, page)] = scanned(
        endpoint, Scan(namespace="films", include_vectors=False, include_metadata=False, include_data=False)
    )
    assert page.vectors == [{"id": "a"}]


def test_a_scan_continues_at_a_cursor(server: DevServer, endpoint: Endpoint) -> None:
    fill(server, [f"a{number:02}" for number in range(25)])
    fill(server, ["b"])
    scan = Scan(prefix="a", page_size=10)
    pages = scanned(endpoint, scan)
    ids = [vector["id"] for page in pages for vector in page.page.vectors]
    assert ids == [f"a{number:02}" for number in range(25)]
    assert scanned(endpoint, scan, pages[1].cursor) == pages[1:]


def test_a_scan_may_be_left_early(server: DevServer, endpoint: Endpoint) -> None:
    fill(server, map(str, range(30)))
    assert len(scanned(endpoint, Scan(page_size=10), leave_after=1)) == 1


def test_an_error_ends_a_scan(server: DevServer, endpoint: Endpoint) -> None:
    fill(server, map(str, range(30)))
    server.faults.add(Fault(kind="status", status=400, command="range"))
    with pytest.raises(ApiError):
        scanned(endpoint, Scan(page_size=10))
