"""Runs while the service is down: an outage uses up no row's attempts."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk import job
from airflow_provider_upstash_vector.bulk.tracking import progress
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed, fill, stored
from tests.support.slow_server import SlowServer

COUNT = 1_500
ROWS = [{"id": f"v{n}", "metadata": {"n": n}} for n in range(COUNT)]
AFTER = {f"v{n}": {"n": n} for n in range(COUNT)}
OUTAGE_SECONDS = 1.0
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


def during_error(outage: Callable[[], None], run: Callable[[], bulk.BulkReport]) -> bulk.BulkJobFailed:
    error: list[bulk.BulkJobFailed] = []

    def run_and_fail() -> bulk.BulkReport:
        error.append(failed(run))
        return error[0].report

    during(outage, run_and_fail)
    return error[0]


@pytest.mark.parametrize(
    ("fault", "everything", "concurrency"),
    [("503", True, 1), ("503", False, 1), ("503", False, 64), ("502 of a proxy", True, 64), ("cut", True, 64)],
)
def test_an_outage_fails_no_row(
    server: DevServer, run: Run, fault: str, everything: bool, concurrency: int
) -> None:
    fill(server, AFTER)
    is_down = threading.Event()

    def outage() -> None:
        wait_for_updates(server, 100)
        server.faults.add(Fault(**OUTAGES[fault], times=10**9, command=None if everything else "update"))
        is_down.set()
        time.sleep(OUTAGE_SECONDS)
        server.faults.clear()

    def rows() -> Iterator[dict[str, Any]]:
        yield from ROWS[:200]
        is_down.wait(60)
        yield from ROWS[200:]

    report = during(outage, lambda: run(rows(), max_concurrency=concurrency, policy=FEW_ATTEMPTS))
    assert (report.done, report.failed) == (COUNT, 0)
    assert report.throttled_seconds > 0
    assert stored(server) == AFTER


def test_a_server_that_restarts_fails_no_row(tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    with DevServer(database=database, token="t") as server:
        fill(server, AFTER)
        port = int(server.url.rpartition(":")[2])
        endpoint = Endpoint.of(server.url, "t")
        options: dict[str, Any] = {"policy": FEW_ATTEMPTS, "progress": "none", "max_concurrency": 64}
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
        assert [report.done for report in reports] == [COUNT]
        assert stored(server) == AFTER


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize("check_index", [True, False])
@pytest.mark.parametrize("kind", ["503", "slow"])
def test_a_service_that_stays_down_ends_the_run(
    server: DevServer, run: Run, kind: str, check_index: bool, concurrency: int
) -> None:
    fill(server, AFTER)
    faults = [Fault(kind="slow")] if check_index else []  # for info
    down: dict[str, Any] = {"kind": "slow", "seconds": 1.0} if kind == "slow" else {"kind": "status"}
    server.faults.add(*faults, Fault(**down, times=10**9))
    policy = replace(FEW_ATTEMPTS, total_timeout_seconds=1.0, request_timeout_seconds=0.3)
    error = failed(
        lambda: run(ROWS, policy=policy, check_index=check_index, max_concurrency=concurrency, max_failures="100%")
    )
    server.faults.clear()
    assert (error.reason, error.retryable) == ("service_unavailable", True)
    assert (error.report.failed, error.report.not_attempted) == (0, COUNT)


def test_a_dead_name_ends_the_run() -> None:
    policy = replace(FEW_ATTEMPTS, max_attempts=2)
    endpoint = Endpoint.of("http://no-index.invalid", "t", allow_http=True)
    error = failed(
        lambda: bulk.update(ROWS, endpoint, policy=policy, check_index=False, max_failures="100%", progress="none")
    )
    assert (error.reason, error.retryable) == ("service_unavailable", True)
    assert (error.report.failed, error.report.not_attempted) == (0, COUNT)


def test_a_source_that_was_idle_for_longer_than_the_limit_is_no_outage(server: DevServer, run: Run) -> None:
    fill(server, AFTER)

    def rows() -> Iterator[dict[str, Any]]:
        yield ROWS[0]
        time.sleep(1.5)
        server.faults.add(Fault(kind="status", times=3, command="update"))
        yield ROWS[1]

    report = run(rows(), policy=replace(PATIENT, total_timeout_seconds=1.0))
    assert (report.done, report.failed) == (2, 0)


def test_429s_amid_an_outage_use_up_no_attempts(server: DevServer, run: Run) -> None:
    fill(server, AFTER)
    for _ in range(4):
        server.faults.add(
            Fault(kind="status", status=503, times=70, command="update"),
            Fault(kind="status", status=429, retry_after="0.01", times=2, command="update"),
        )
    report = run(ROWS, policy=replace(FEW_ATTEMPTS, max_attempts=2))
    assert (report.done, report.failed) == (COUNT, 0)


def test_probes_keep_to_the_daily_budget(server: DevServer, run: Run) -> None:
    fill(server, AFTER)
    server.faults.add(Fault(kind="status", status=503, times=10**9, command="update"))
    error = failed(lambda: run(ROWS, policy=FEW_ATTEMPTS, max_concurrency=4, daily_budget=10))
    assert (error.reason, server.requests["update"]) == ("daily_budget", 10)


@pytest.mark.parametrize("reason", ["cancelled", "time_limit"])
def test_a_hold_does_not_keep_a_run_from_stopping(server: DevServer, run: Run, reason: str) -> None:
    fill(server, AFTER)
    server.faults.add(Fault(kind="status", status=503, retry_after="3000", times=10**9, command="update"))
    patient = replace(PATIENT, total_timeout_seconds=10_000.0, max_retry_after_seconds=9_000.0)
    token = CancelToken()
    limit = {"time_limit_seconds": 1.0} if reason == "time_limit" else {}

    def cancel() -> None:
        wait_for_updates(server, 4)
        if reason == "cancelled":
            token.cancel()

    # the hold would outlast the deadline of a test
    run_held = partial(run, ROWS, policy=patient, max_concurrency=4, cancel_token=token, **limit)
    assert during_error(cancel, run_held).reason == reason


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize(
    "poison",
    [[0], [250], [499], [*range(5)], [*range(200, 280)], [*range(480, 500)]],
    ids=["first", "amid", "last", "first 5", "80 amid", "last 20"],
)
def test_only_rows_that_fail_while_others_succeed_fail(poison: list[int], concurrency: int) -> None:
    rows = [{"id": f"v{n}", "data": str(n)} for n in range(500)]
    with SlowServer() as server:
        server.seconds, server.poison = 0.001, {f"v{n}" for n in poison}
        report = bulk.update(
            rows,
            Endpoint.of(server.url, "t"),
            max_concurrency=concurrency,
            policy=FEW_ATTEMPTS,
            max_failures="100%",
            progress="none",
        )
        assert {id for _, id in server.received} == {f"v{n}" for n in range(500)} - server.poison
    assert (report.done, report.failed) == (500 - len(poison), len(poison))


def test_a_run_gets_past_a_long_stretch_of_rows_that_fail() -> None:
    """No row has a response for a long time, but ``info`` has: another run would stop in the same place."""
    rows = [{"id": f"v{n}", "data": str(n)} for n in range(300)]
    with SlowServer() as server:
        server.poison = {f"v{n}" for n in range(10, 210)}
        policy = replace(FEW_ATTEMPTS, total_timeout_seconds=20.0)
        options: dict[str, Any] = {"policy": policy, "max_failures": "100%", "progress": "none"}
        report = bulk.update(rows, Endpoint.of(server.url, "t"), **options)
    assert (report.done, report.failed) == (100, 200)


@pytest.mark.parametrize("hanging", [2, 10**9])
def test_a_batch_that_takes_longer_than_an_outage_may(server: DevServer, upsert: Run, hanging: int) -> None:
    """``info`` has a response, so it is sent again, and fails alone if that does not help."""
    server.faults.add(Fault(kind="slow", seconds=60.0, times=hanging, command="upsert"))
    rows = [{"id": f"v{n}", "vector": [0.5, 0.25]} for n in range(20)]
    policy = replace(PATIENT, total_timeout_seconds=0.5, max_attempts=2)
    options: dict[str, Any] = {"request_timeout_seconds": 1.0, "max_rows_per_request": 10}
    report = upsert(rows, policy=policy, max_failures="100%", **options)
    assert (report.done, report.failed) == ((20, 0) if hanging == 2 else (0, 20))
    assert server.requests["info"] >= 2


def test_the_progress_line_names_the_row_that_reading_waits_for(
    server: DevServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, AFTER)
    monkeypatch.setattr(job, "_MAX_LEAD_ROWS", 50)
    monkeypatch.setattr(progress, "LOG_EVERY_SECONDS", 0.0)
    server.faults.add(Fault(kind="slow", seconds=3.0, times=1, command="update"))
    lines: list[str] = []
    run(ROWS, progress="log", log=SimpleNamespace(info=lambda text, *values: lines.append(text % values)))
    assert any(re.search(r"; reading has waited \d+ s for row \d+$", line) for line in lines), lines
    assert lines[-1].endswith("0 failed, 0:00 left")


@pytest.mark.parametrize("count", [1, 2])
def test_the_last_rows_fail_if_the_service_refuses_only_them(server: DevServer, run: Run, count: int) -> None:
    fill(server, AFTER)
    server.faults.add(Fault(kind="status", status=500, times=10**9, command="update"))
    policy: RetryPolicy = replace(PATIENT, max_attempts=2)
    report = run(ROWS[:count], policy=policy, max_failures=count)
    assert (report.failed, report.total) == (count, count)
