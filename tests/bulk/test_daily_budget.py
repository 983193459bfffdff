"""The daily budget over runs that complete, change their input, or are killed."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.sending.limits import block_size
from airflow_provider_upstash_vector.bulk.starting import run_async
from airflow_provider_upstash_vector.bulk.tracking.budget import open_budget
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import FileCheckpoint
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill
from tests.support.kill_loop import kill_after
from tests.support.slow_server import SlowServer

LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]
CONCURRENCY = 64
VECTORS = [{"id": f"v{number}", "vector": [0.5, 0.25]} for number in range(200)]
NOON = 1_800_000_000.0


def rows(count: int, text: str = "x") -> list[dict[str, Any]]:
    return [{"id": f"v{number}", "data": text} for number in range(count)]


@pytest.mark.parametrize(("budget", "kills"), [(400, 4), pytest.param(3_000, 25, marks=LONG)])
def test_kills_never_exceed_the_budget_and_waste_little(tmp_path: Path, budget: int, kills: int) -> None:
    path = tmp_path / "rows.jsonl"
    killed = runs = 0
    log = ""
    first_day = time.time() // 86_400
    with SlowServer() as server:
        while "the daily budget of" not in log:
            # another input for every third run: one that completed or changed counts as well
            path.write_text("".join(json.dumps(row) + "\n" for row in rows(budget // 3, f"x{runs // 3}")))
            command = [
                sys.executable,
                "-m",
                "tests.support.killed_run",
                "update",
                server.url,
                str(path),
                str(tmp_path / "c"),
                "jsonl",
            ]
            process = subprocess.Popen(
                [*command, random.choice(["20000", "500"]), str(budget)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            runs += 1
            goal = len(server.times) + random.randrange(1, max(2, budget // kills))
            killed += killed < kills and kill_after(process, server, goal)
            _, log = process.communicate(timeout=120)
            assert process.returncode <= 0 or "the daily budget of" in log, log
    sent = len(server.times)
    assert sent <= budget * (time.time() // 86_400 - first_day + 1)
    assert sent >= budget - killed * (2 * block_size(budget, None) + CONCURRENCY)


@pytest.mark.parametrize("remote", [False, True])
def test_a_completed_run_and_a_changed_input_count(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    fill(server, [f"v{number}" for number in range(50)])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    checkpoint: Any = UPath(f"memory://{tmp_path.name}/checkpoint") if remote else tmp_path / "checkpoint"
    monkeypatch.setattr(time, "time", lambda: NOON)
    options: dict[str, Any] = {"checkpoint": checkpoint, "daily_budget": 100}
    assert run(rows(40), **options).done == 40
    assert not checkpoint.exists()
    record = json.loads(checkpoint.with_name("checkpoint.budget").read_text())
    assert record == {"day": "2027-01-15", "rows": 40}
    assert run(rows(50, "y"), **options, keep_checkpoint=True).done == 50
    bulk.forget(checkpoint)
    assert run(rows(5, "z"), checkpoint=checkpoint).done == 5  # a run without a budget counts too
    assert failed(lambda: run(rows(50, "w"), **options)).reason == "daily_budget"
    assert failed(lambda: run(rows(50, "v"), **options)).reason == "daily_budget"
    assert server.requests["update"] == 100
    monkeypatch.setattr(time, "time", lambda: NOON + 86_400)
    assert run(rows(50, "w"), **options).done == 50
    assert server.requests["update"] == 150


def test_retries_count(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{number}" for number in range(50)])
    server.faults.add(Fault(kind="status", status=503, times=1_000, probability=0.3, command="update"))
    error = failed(lambda: run(rows(50), checkpoint=tmp_path / "c", daily_budget=40))
    assert (error.reason, error.report.this_attempt.requests) == ("daily_budget", 40)
    assert server.requests["update"] == 40
    assert error.report.retries > 0


def test_a_run_that_crosses_midnight_has_the_next_days_budget(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, [f"v{number}" for number in range(50)])
    midnight = 1_800_057_600.0
    monkeypatch.setattr(time, "time", lambda: midnight - 1 if server.requests["update"] < 10 else midnight)
    error = failed(lambda: run(rows(50), daily_budget=20, checkpoint=tmp_path / "c", max_concurrency=1))
    assert (error.reason, server.requests["update"]) == ("daily_budget", 30)
    assert json.loads((tmp_path / "c.budget").read_text()) == {"day": "2027-01-16", "rows": 20}


def test_runs_without_a_budget_leave_no_count(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, ["v0"])
    assert run(rows(1), checkpoint=tmp_path / "c").done == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c.lock"]


def test_a_budget_without_a_checkpoint_covers_one_run(
    server: DevServer, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    fill(server, ["v0"])
    caplog.set_level("INFO")
    assert [run(rows(1), daily_budget=1).done for _ in range(2)] == [1, 1]
    assert sum("daily_budget covers this run alone" in message for message in caplog.messages) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"day": "now", "rows": 1}', '{"day": "2026-01-01"}'])
def test_a_file_that_is_not_a_budget_is_not_replaced(
    server: DevServer, run: Run, tmp_path: Path, content: str
) -> None:
    (tmp_path / "c.budget").write_text(content)
    with pytest.raises(bulk.InvalidRows, match="delete it"):
        run(rows(1), checkpoint=tmp_path / "c", daily_budget=1)
    assert (tmp_path / "c.budget").read_text() == content
    assert not server.requests


def test_an_older_try_that_still_runs_does_not_lower_the_count(tmp_path: Path) -> None:
    store = FileCheckpoint(tmp_path / "c")

    async def overlap() -> None:
        day = int(time.time() // 86_400)
        older, newer = (open_budget(store, 1_000, None) for _ in range(2))
        for budget, requests in ((older, 3), (newer, 40)):
            woken = asyncio.Event()
            for _ in range(requests):
                assert budget.left(time.time())
                while not budget.reserved(1, woken.set):
                    await asyncio.wait_for(woken.wait(), 60)
                    woken.clear()
                budget.spend()
        await newer.close()
        await older.close()
        record = store.load_budget()
        assert record is not None
        assert record["rows"] == 43 or int(time.time() // 86_400) > day

    asyncio.run(overlap())


def test_a_small_budget_is_spent_in_few_requests(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    report = upsert(VECTORS, checkpoint=tmp_path / "c", daily_budget=50, on_budget="return")
    assert (report.done, report.this_attempt.requests, server.requests["upsert"]) == (50, 1, 1)


class FullStore:
    """Records a first reservation, and no other."""

    def __init__(self) -> None:
        self.record: dict[str, Any] | None = None

    def load_budget(self) -> dict[str, Any] | None:
        return self.record

    def save_budget(self, record: dict[str, Any]) -> None:
        if self.record is not None:
            raise OSError("the disk is full")
        self.record = record


def test_rows_that_cannot_be_recorded_stop_a_run_of_batches(
    server: DevServer, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reserved is less than a batch, and no more can be."""
    monkeypatch.setattr("airflow_provider_upstash_vector.bulk.tracking.budget._RETRY_SECONDS", 0.01)
    options = UpsertOptions(daily_budget=40_000, max_rows_per_request=150)
    running = run_async(options, VECTORS * 10, endpoint, budget_store=FullStore(), progress="none")
    error = failed(lambda: asyncio.run(asyncio.wait_for(running, 60)))
    assert (error.reason, error.report.done) == ("checkpoint", 400)


def test_a_count_of_a_day_to_come_is_not_of_today(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, ["v0"])
    (tmp_path / "c.budget").write_text('{"day": "2131-01-16", "rows": 20}')
    assert run(rows(1), checkpoint=tmp_path / "c", daily_budget=20).done == 1
