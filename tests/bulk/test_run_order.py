"""The order and the rate of requests, as a slow server receives them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from tests.support.slow_server import SlowServer


@pytest.fixture
def slow() -> Iterator[SlowServer]:
    with SlowServer() as server:
        yield server


def run(server: SlowServer, rows: object, **options: Any) -> bulk.BulkReport:
    endpoint = Endpoint.of(server.url, "token")
    return bulk.update(rows, endpoint, **{"check_index": False, "progress": "none", **options})


def test_updates_of_one_vector_are_sent_one_after_another_in_order(slow: SlowServer) -> None:
    random_value = random.Random(3)
    rows = [
        {"id": f"v{random_value.randrange(20)}", "namespace": f"n{random_value.randrange(2)}", "data": str(n)}
        for n in range(2_000)
    ]
    run(slow, rows, max_concurrency=32)
    assert slow.max_in_flight_by_vector == 1
    for key, received in slow.received.items():
        expected = [row["data"] for row in rows if (row["namespace"], row["id"]) == key]
        assert received == expected


def test_rows_sorted_by_id_keep_the_window_full(slow: SlowServer) -> None:
    slow.seconds = 0.02
    rows = [{"id": f"v{n // 50}", "data": str(n)} for n in range(64 * 50)]
    assert run(slow, rows).done == len(rows)
    assert 32 < slow.max_in_flight <= 64
    assert slow.max_in_flight_by_vector == 1
    assert [n for id in range(64) for n in slow.received["", f"v{id}"]] == [row["data"] for row in rows]


def test_hundreds_of_requests_are_in_flight_together_and_no_more_than_allowed(slow: SlowServer) -> None:
    slow.seconds = 0.5
    report = run(slow, [{"id": str(n), "data": "x"} for n in range(2_048)], max_concurrency=512)
    assert report.done == 2_048
    assert 96 < slow.max_in_flight <= 512
    assert slow.connections <= 512


def test_a_window_of_one(slow: SlowServer) -> None:
    slow.seconds = 0.001
    assert run(slow, [{"id": str(n), "data": "x"} for n in range(50)], max_concurrency=1).done == 50
    assert slow.max_in_flight == 1


def test_the_rate_is_kept(slow: SlowServer) -> None:
    report = run(slow, [{"id": str(n), "data": "x"} for n in range(300)], max_rows_per_second=200)
    assert report.seconds > 1.3  # 20 at once, then 200 a second
