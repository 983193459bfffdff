"""Runs while the service is down: an outage uses up no row's attempts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed, fill, stored

COUNT = 1_500
ROWS = [{"id": f"v{n}", "metadata": {"n": n}} for n in range(COUNT)]
AFTER = {f"v{n}": {"n": n} for n in range(COUNT)}
OUTAGE_SECONDS = 1.5
FEW_ATTEMPTS = replace(PATIENT, max_attempts=3)

OUTAGES: dict[str, dict[str, Any]] = {
    "503": {"kind": "status", "status": 503},
    "502 of a proxy": {"kind": "status", "status": 502, "html": True},
    "cut": {"kind": "cut"},
}


def wait_for_updates(server: DevServer, count: int) -> None:
    deadline = time.monotonic() + 60
    while server.requests["update"] < count and time.monotonic() < deadline:
        time.sleep(0.005)


def during(outage: Callable[[], None], run: Callable[[], bulk.BulkReport]) -> bulk.BulkReport:
    thread = threading.Thread(target=outage, daemon=True)
    thread.start()
    report = run()
    thread.join(60)
    assert not thread.is_alive()
    return report


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize("everything", [True, False], ids=["everything", "updates only"])
@pytest.mark.parametrize("fault", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_fails_no_row(
    server: DevServer, run: Run, fault: dict[str, Any], everything: bool, concurrency: int
) -> None:
    fill(server, AFTER)

    def outage() -> None:
        wait_for_updates(server, 100)
        server.faults.add(Fault(**fault, times=10**9, command=None if everything else "update"))
        time.sleep(OUTAGE_SECONDS)
        server.faults.clear()

    report = during(outage, lambda: run(ROWS, concurrency=concurrency, policy=FEW_ATTEMPTS))
    assert (report.updated, report.failed) == (COUNT, 0)
    assert report.throttled_seconds > 0
    assert stored(server) == AFTER


def test_a_server_that_restarts_fails_no_row(tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    with DevServer(database=database, token="t") as server:
        fill(server, AFTER)
        port = int(server.url.rpartition(":")[2])
        endpoint = Endpoint.of(server.url, "t")
        options: dict[str, Any] = {"policy": FEW_ATTEMPTS, "progress": "none", "concurrency": 64}
        reports: list[bulk.BulkReport] = []
        thread = threading.Thread(
            target=lambda: reports.append(bulk.update(ROWS, endpoint, **options)), daemon=True
        )
        thread.start()
        wait_for_updates(server, 100)
    time.sleep(OUTAGE_SECONDS)
    with DevServer(database=database, token="t", port=port) as server:
        thread.join(60)
        assert not thread.is_alive()
        assert [report.updated for report in reports] == [COUNT]
        assert stored(server) == AFTER


def test_a_service_that_stays_down_ends_the_run(server: DevServer, run: Run) -> None:
    fill(server, AFTER)
    server.faults.add(Fault(kind="status", status=503, times=10**9))
    policy = replace(PATIENT, total_timeout_seconds=1.0, request_timeout_seconds=1.0)
    error = failed(lambda: run(ROWS, policy=policy, check_index=False, max_failures=1.0))
    assert (error.reason, error.retryable) == ("service_unavailable", True)
    assert (error.report.failed, error.report.not_attempted) == (0, COUNT)


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_rows_fail_if_the_service_refuses_only_them(server: DevServer, run: Run, count: int) -> None:
    fill(server, AFTER)
    server.faults.add(Fault(kind="status", status=500, times=10**9, command="update"))
    policy: RetryPolicy = replace(PATIENT, max_attempts=2)
    report = run(ROWS[:count], policy=policy, max_failures=count)
    assert (report.failed, report.total) == (count, count)


def test_rows_sorted_by_id_are_sent_side_by_side(server: DevServer, run: Run) -> None:
    fill(server, AFTER)
    rows = [{"id": f"v{n // 200}", "metadata": {"n": n}} for n in range(4_000)]
    server.faults.add(Fault(kind="slow", seconds=0.01, times=10**9, command="update"))
    report = run(rows, concurrency=64)
    server.faults.clear()
    assert report.updated == len(rows)
    assert {id: metadata for id, metadata in stored(server).items() if id in {f"v{n}" for n in range(20)}} == {
        f"v{n}": {"n": n * 200 + 199} for n in range(20)
    }
