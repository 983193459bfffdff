"""Bulk runs whose token is rotated while 64 requests are in flight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Credentials, Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import PATIENT, failed, fill, stored

ROWS, ROTATED_AT = 3_000, 1_500


@pytest.fixture
def server() -> Iterator[DevServer]:
    with DevServer() as server:
        fill(server, (str(number) for number in range(ROWS)))
        yield server


def endpoint_of(server: DevServer) -> Endpoint:
    return Endpoint.of(server.url, server.token)


def rows(server: DevServer, rotations: int) -> Iterator[dict[str, Any]]:
    """Yield a change of each vector; rotate the token in their midst."""
    for number in range(ROWS):
        if number in range(ROTATED_AT, ROTATED_AT + rotations * 300, 300):
            server.rotate_token()
        yield {"id": str(number), "metadata": {"n": number}}


def test_a_run_continues_with_the_new_token(server: DevServer, tmp_path: Path) -> None:
    reads = 0

    def read() -> Endpoint:
        nonlocal reads
        reads += 1
        return endpoint_of(server)

    credentials = Credentials(endpoint_of(server), read)
    failures = tmp_path / "failures.jsonl"
    report = bulk.update(
        rows(server, 3), credentials, policy=PATIENT, max_concurrency=64, failures_path=failures, progress="none"
    )
    assert (report.total, report.done) == (ROWS, ROWS)
    assert 1 <= reads <= 3  # one read may see several rotations
    assert stored(server) == {str(number): {"n": number} for number in range(ROWS)}
    assert ROWS < server.requests["update"] <= ROWS + 3 * 64
    assert not failures.exists() or not failures.read_text()


def test_without_a_new_token_a_run_ends_retryable_and_no_row_fails(server: DevServer, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "policy": PATIENT,
        "max_concurrency": 64,
        "progress": "none",
        "failures_path": tmp_path / "failures.jsonl",
        "checkpoint": tmp_path / "checkpoint.json",
    }
    old = endpoint_of(server)
    error = failed(lambda: bulk.update(rows(server, 1), Credentials(old, lambda: old), **options))
    assert (error.reason, error.retryable) == ("token_rejected", True)
    report = error.report
    assert (report.failed, report.rejected, report.missing) == (0, 0, 0)
    assert ROTATED_AT // 2 < report.done < ROWS
    assert not (tmp_path / "failures.jsonl").exists() or not (tmp_path / "failures.jsonl").read_text()
    before = server.requests["update"]
    resumed = bulk.update(rows(server, 0), endpoint_of(server), **options)
    assert (resumed.done, resumed.failed) == (ROWS, 0)
    assert server.requests["update"] - before == ROWS - report.done


def test_a_401_on_the_first_requests_is_permanent(server: DevServer) -> None:
    old = endpoint_of(server)
    server.rotate_token()
    credentials = Credentials(old, lambda: endpoint_of(server))
    changes = [{"id": "1", "metadata": {"n": 1}}] * 100
    error = failed(lambda: bulk.update(changes, credentials, check_index=False, progress="none"))
    assert (error.reason, error.retryable, error.report.done) == ("error", False, 0)
