"""Runs that stop before the end of their input: failures, permanent errors, budget, quota, time, cancellation."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sending.slots import FIRST_SLOTS
from airflow_provider_upstash_vector.bulk.tracking import monitor
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import Unauthorized
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed, fill, stored


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"v{n}", "metadata": {"n": n}} for n in range(count)]


def fail_updates(server: DevServer, **fault: Any) -> None:
    server.faults.add(Fault(**{"kind": "status", "status": 422, "times": 10**9, "command": "update", **fault}))


def cancel_after_updates(cancel_token: bulk.CancelToken, server: DevServer, count: int) -> None:
    deadline = time.monotonic() + 60
    while server.requests["update"] < count and time.monotonic() < deadline:
        time.sleep(0.01)
    cancel_token.cancel()


def test_no_failure_is_allowed_by_default(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{n}" for n in range(100)])
    changed = rows(100)
    changed[50] = {"id": "v50", "metadata": ["no object"]}
    error = failed(lambda: run(changed, max_concurrency=4, failures_path=tmp_path / "failures.jsonl"))
    report = error.report

    assert error.reason == "failures"
    assert not error.retryable
    assert (report.total, report.rejected, report.failed) == (100, 1, 0)
    assert report.done == server.requests["update"]
    assert report.done + report.not_attempted == 99
    (failure,) = [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]
    assert failure["failure"] == {
        "row": 50,
        "outcome": "rejected",
        "field": "metadata",
        "reason": "must be a JSON object, got list ['no object']",
    }
    assert "1 failure exceeds max_failures=0: " in str(error)
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (copied.report, copied.reason, copied.retryable) == (report, "failures", False)


@pytest.mark.parametrize(("max_failures", "too_many"), [(19, True), (20, False), ("19.9%", True), ("20%", False)])
def test_failures_up_to_a_count_or_a_fraction(
    server: DevServer, run: Run, max_failures: int | str, too_many: bool
) -> None:
    fill(server, [f"v{n}" for n in range(100)])
    changed: list[Any] = [row if n % 5 else "no row" for n, row in enumerate(rows(100))]
    if too_many:
        assert failed(lambda: run(changed, max_failures=max_failures)).report.rejected == 20
    else:
        report = run(changed, max_failures=max_failures)
        assert (report.done, report.rejected) == (80, 20)


def test_a_fraction_of_an_unknown_number_of_rows_is_checked_at_the_end(server: DevServer, run: Run) -> None:
    fill(server, [f"v{n}" for n in range(100)])
    changed = [row if n % 5 else {"id": ""} for n, row in enumerate(rows(100))]
    assert run(iter(changed), max_failures="20%").rejected == 20
    error = failed(lambda: run(iter(changed), max_failures="19.9%"))
    assert (error.report.done, error.report.rejected, error.report.not_attempted) == (80, 20, 0)


def test_failed_rows_are_written_and_can_be_sent_again(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{n}" for n in range(200)])
    path = tmp_path / "failures.jsonl"
    fail_updates(server, probability=0.2)
    named = [{"key": row["id"], "metadata": row["metadata"]} for row in rows(200)]
    report = run(named, id_field="key", max_failures="100%", failures_path=path)
    assert 0 < report.failed < 200
    assert report.failures_path == str(path)
    failures = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(failures) == report.failed
    assert {failure["failure"]["status"] for failure in failures} == {422}
    assert not any(failure["failure"]["may_have_been_applied"] for failure in failures)

    server.faults.clear()
    assert run(path, id_field="key").done == report.failed
    assert stored(server) == {f"v{n}": {"n": n} for n in range(200)}


def test_unknown_ids_are_counted_or_fail(server: DevServer, run: Run) -> None:
    fill(server, ["v0", "v2"])
    report = run(rows(3))
    assert (report.done, report.missing) == (2, 1)
    error = failed(lambda: run(rows(3), on_missing="fail"))
    assert (error.report.missing, error.retryable) == (1, True)


def test_a_wrong_token_stops_before_the_first_row(server: DevServer) -> None:
    with pytest.raises(Unauthorized):
        bulk.update(rows(10), Endpoint.of(server.url, "wrong"))
    error = failed(lambda: bulk.update(rows(1_000), Endpoint.of(server.url, "wrong"), check_index=False))
    assert (error.reason, error.retryable) == ("error", False)
    assert isinstance(error.__cause__, Unauthorized)
    assert error.report.failed == server.requests["update"] <= FIRST_SLOTS
    assert error.report.not_attempted == 1_000 - error.report.failed
    assert "wrong" not in str(error)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"id": "a", "vector": [1, 2, 3]}, "has 3 dimensions, but the index has 2"),
        ({"id": "a", "sparse_vector": [[1], [1]]}, "is given, but the index is DENSE"),
    ],
)
def test_a_vector_for_another_index_stops_at_row_0(
    server: DevServer, run: Run, row: dict[str, Any], sentence: str
) -> None:
    error = failed(lambda: run([row] * 1_000, max_failures="100%"))
    assert "row 0: " in str(error)
    assert sentence in str(error)
    assert not error.retryable
    assert server.requests["update"] == 0
    assert (error.report.rejected, error.report.not_attempted) == (1, 999)


def test_a_wrong_dimension_further_on_is_one_rejected_row(server: DevServer, run: Run) -> None:
    fill(server, ["a", "b"])
    report = run([{"id": "a", "vector": [1, 2]}, {"id": "b", "vector": [1, 2, 3]}], max_failures=1)
    assert (report.done, report.rejected) == (1, 1)


def test_a_daily_budget_holds_for_the_day_and_the_run_resumes_the_next_day(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, [f"v{n}" for n in range(25)])
    options: dict[str, Any] = {"daily_budget": 10, "checkpoint": tmp_path / "checkpoint", "max_concurrency": 4}
    noon = 1_800_000_000.0
    for day in range(2):
        monkeypatch.setattr(time, "time", lambda day=day: noon + day * 86_400)
        error = failed(lambda: run(rows(25), **options))
        assert (error.reason, error.retryable) == ("daily_budget", True)
        assert error.report.done == 10 * (day + 1)
        assert error.report.not_attempted == 25 - error.report.done
        assert "it is reset at 00:00 UTC" in str(error)
        assert failed(lambda: run(rows(25), **options)).report.done == error.report.done
    monkeypatch.setattr(time, "time", lambda: noon + 2 * 86_400)
    report = run(rows(25), **options)
    assert (report.total, report.done) == (25, 25)
    assert server.requests["update"] == 25
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_run_that_stops_with_nothing_in_flight_waits_for_nothing(
    server: DevServer, run: Run, concurrency: int
) -> None:
    fill(server, ["v0", "v1"])
    patient = replace(PATIENT, request_timeout_seconds=3_600.0)  # longer than a test
    error = failed(lambda: run(rows(2), daily_budget=1, max_concurrency=concurrency, policy=patient))
    assert (error.reason, error.report.done) == ("daily_budget", 1)


def test_a_budget_can_end_a_run_without_an_error(server: DevServer, run: Run) -> None:
    fill(server, [f"v{n}" for n in range(25)])
    report = run(rows(25), daily_budget=10, on_budget="return")
    assert (report.done, report.not_attempted) == (10, 15)


def test_the_services_daily_quota_stops_a_run_too(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{n}" for n in range(50)])
    ten_responses = Fault(kind="status", times=10, probability=0.0, command="update")
    server.faults.add(ten_responses)
    fail_updates(server, kind="quota")
    error = failed(lambda: run(rows(50), checkpoint=tmp_path / "checkpoint", max_concurrency=3))
    assert (error.reason, error.retryable, error.report.failed) == ("daily_quota", True, 0)
    assert error.report.done == 10
    server.faults.clear()
    assert run(rows(50), checkpoint=tmp_path / "checkpoint").done == 50
    assert stored(server) == {f"v{n}": {"n": n} for n in range(50)}


def test_a_long_retry_after_is_left_to_the_caller(server: DevServer, run: Run) -> None:
    fail_updates(server, status=429, retry_after="3600")
    error = failed(lambda: run(rows(100)))
    assert (error.reason, error.retryable) == ("rate_limit", True)
    assert error.report.not_attempted == 100


def test_a_time_limit(server: DevServer, run: Run) -> None:
    fill(server, [f"v{n}" for n in range(500)])
    error = failed(lambda: run(rows(500), time_limit_seconds=0.5, max_rows_per_second=100))
    assert error.reason == "time_limit"
    assert 0 < error.report.done == server.requests["update"] < 500


def test_a_cancelled_run_settles_what_is_in_flight(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{n}" for n in range(1_000)])
    cancel_token = bulk.CancelToken()
    server.faults.add(Fault(kind="slow", seconds=0.5, times=100, command="update"))
    threading.Thread(target=cancel_after_updates, args=(cancel_token, server, 8), daemon=True).start()
    error = failed(
        lambda: run(rows(1_000), cancel_token=cancel_token, checkpoint=tmp_path / "checkpoint", max_concurrency=8)
    )
    assert error.reason == "cancelled"
    assert (error.report.done, error.report.failed) == (8, 0)
    server.faults.clear()
    assert run(rows(1_000), checkpoint=tmp_path / "checkpoint").done == 1_000
    assert server.requests["update"] == 1_000


def test_rows_not_settled_in_time_may_have_been_applied(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_upstash_vector.bulk.job.STOP_SECONDS", 0.2)
    fill(server, [f"v{n}" for n in range(100)])
    cancel_token = bulk.CancelToken()
    server.faults.add(Fault(kind="slow", seconds=0.9, times=100, command="update"))
    threading.Thread(target=cancel_after_updates, args=(cancel_token, server, 8), daemon=True).start()
    path = tmp_path / "failures.jsonl"
    options: dict[str, Any] = {"checkpoint": tmp_path / "checkpoint", "failures_path": path, "max_concurrency": 8}
    error = failed(lambda: run(rows(100), cancel_token=cancel_token, **options))
    assert (error.report.done, error.report.failed, error.report.not_attempted) == (0, 8, 92)
    assert all(json.loads(line)["failure"]["may_have_been_applied"] for line in path.read_text().splitlines())
    server.faults.clear()
    report = run(rows(100), **options)
    assert (report.total, report.done, report.failed) == (100, 100, 0)
    assert path.read_text() == ""


def test_an_iterable_that_fails(server: DevServer, run: Run) -> None:
    fill(server, [f"v{n}" for n in range(10)])

    def broken() -> Iterator[object]:
        yield from rows(10)
        raise RuntimeError("the database is gone")

    error = failed(lambda: run(broken()))
    assert (error.reason, error.retryable) == ("source", True)
    assert "reading row 10 failed: RuntimeError: the database is gone" in str(error)
    assert (error.report.done, error.report.all_read) == (10, False)


def test_a_checkpoint_that_cannot_be_saved_stops_the_run(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "_SAVE_EVERY_SECONDS", 0.0)
    fill(server, [f"v{n}" for n in range(1_000)])

    class Full(bulk.FileCheckpoint):
        saved = 0

        def save(self, state: dict[str, Any]) -> None:
            self.saved += 1
            if self.saved > 1:
                raise OSError("no space left")
            super().save(state)

    error = failed(lambda: run(rows(1_000), checkpoint=Full(tmp_path / "c"), max_rows_per_second=200))
    assert error.reason == "checkpoint"
    assert "no space left" in str(error)
