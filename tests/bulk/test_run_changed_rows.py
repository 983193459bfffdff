"""Runs that resume from the checkpoint of other rows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.bulk.test_run_resuming import stopped_after
from tests.support.bulk_runs import Run, failed, fill, stored

ROWS = [{"id": f"v{n % 100}", "metadata": {"n": n}} for n in range(2_000)]
CHANGED = [{**row, "metadata": {"n": -n}} if n == 40 else row for n, row in enumerate(ROWS)]
AFTER = {f"v{n}": {"n": 1_900 + n} for n in range(100)}
WARNING = "The operation, its input or its options have changed since the checkpoint; starting over."


async def asynchronous(rows: list[Any]) -> AsyncIterator[Any]:
    for row in rows:
        yield row
        await asyncio.sleep(0)


def remote(rows: list[Any]) -> Any:
    """Return a file of a store that keeps no modification time."""
    path = UPath("memory://changed-rows/rows.jsonl")
    path.write_text(
        "".join(f'{{"id":"{row["id"]}","metadata":{{"n":{row["metadata"]["n"]:05}}}}}\n' for row in rows)
    )
    return path


def number_of(row: dict[str, Any]) -> int:
    return int(row["metadata"]["n"])


@pytest.fixture
def index(server: DevServer) -> DevServer:
    fill(server, AFTER)
    return server


REREADABLE: list[Callable[[list[Any]], Any]] = [list, pa.Table.from_pylist]
ONCE: list[Callable[[list[Any]], Any]] = [
    iter,
    asynchronous,
    lambda rows: pa.Table.from_pylist(rows).to_reader(99),
]


@pytest.mark.parametrize("kind", [*REREADABLE, *ONCE])
def test_the_same_rows_are_not_sent_again(index: DevServer, run: Run, tmp_path: Path, kind: Any) -> None:
    stopped_after(run, index, kind(ROWS), 500, checkpoint=tmp_path / "c")
    assert run(kind(ROWS), checkpoint=tmp_path / "c").done == len(ROWS) == index.requests["update"]
    assert stored(index) == AFTER


@pytest.mark.parametrize("kind", REREADABLE)
def test_changed_rows_start_over(
    index: DevServer, run: Run, tmp_path: Path, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bad = {"id": "", "metadata": {"n": 0}}
    options = {"checkpoint": tmp_path / "c", "failures_path": tmp_path / "failures.jsonl", "max_failures": 1}
    stopped_after(run, index, kind([bad, *ROWS]), 500, **options)
    index.requests.clear()
    report = run(kind([bad, *CHANGED]), **options)
    assert (report.total, report.done, report.rejected) == (len(ROWS) + 1, len(ROWS), 1)
    assert index.requests["update"] == len(ROWS)
    assert stored(index) == AFTER
    assert caplog.messages.count(WARNING) == 1
    assert len((tmp_path / "failures.jsonl").read_text().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.lock", "failures.jsonl"]


@pytest.mark.parametrize("kind", ONCE)
@pytest.mark.parametrize("change", ["value", "shorter"])
def test_rows_that_can_be_read_once_start_over_with_the_next_run(
    index: DevServer, run: Run, tmp_path: Path, kind: Any, change: str
) -> None:
    others = CHANGED if change == "value" else ROWS[:300]
    stopped_after(run, index, kind(ROWS), 500, checkpoint=tmp_path / "c")
    error = failed(lambda: run(kind(others), checkpoint=tmp_path / "c"))
    assert (error.reason, error.retryable) == ("source", True)
    assert "the rows have changed since the checkpoint" in str(error)
    index.requests.clear()
    assert run(kind(others), checkpoint=tmp_path / "c").done == len(others) == index.requests["update"]


def test_a_file_of_a_store_without_times_is_compared(
    index: DevServer, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": row["id"], "metadata": {"n": number_of(row) + 10_000}} for row in ROWS]
    stopped_after(run, index, remote(rows), 500, checkpoint=tmp_path / "c")
    assert run(remote(rows), checkpoint=tmp_path / "c").done == len(ROWS) == index.requests["update"]
    stopped_after(run, index, remote(rows), len(ROWS) + 500, checkpoint=tmp_path / "c")
    index.requests.clear()
    rows[40]["metadata"] = {"n": 99_999}
    assert run(remote(rows), checkpoint=tmp_path / "c").done == len(ROWS) == index.requests["update"]
    assert caplog.messages.count(WARNING) == 1


def test_rows_read_since_the_last_checkpoint_are_compared_after_a_kill(
    index: DevServer, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is killed before its second checkpoint: only the journal has the digest."""
    program = f"""
import os, signal
from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.tracking import monitor
from airflow_provider_upstash_vector.client import Endpoint
from tests.bulk.test_run_changed_rows import ROWS
monitor._SAVE_EVERY_SECONDS = 1e9
class Rows(list):
    def __getitem__(self, place):
        if place == 500:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(place)
bulk.update(Rows(ROWS), Endpoint.of({index.url!r}, {index.token!r}), checkpoint={str(tmp_path / "c")!r})
"""
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=120)
    assert json.loads((tmp_path / "c").read_text())["read"] == 0
    assert index.requests["update"] > 0  # the others of 500 rows are read ahead, or paced
    report = run(CHANGED, checkpoint=tmp_path / "c")
    assert (report.done, report.this_attempt.requests) == (len(ROWS), len(ROWS))
    assert caplog.messages.count(WARNING) == 1


def test_starting_over_keeps_the_budget_of_the_day(index: DevServer, run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "daily_budget": 700}
    assert failed(lambda: run(ROWS, **options)).reason == "daily_budget"
    assert failed(lambda: run(CHANGED, **options)).reason == "daily_budget"
    assert index.requests["update"] == 700


def test_a_report_adds_up_if_fewer_rows_were_read_than_are_settled(
    index: DevServer, endpoint: Endpoint, run: Run, tmp_path: Path
) -> None:
    index.faults.add(Fault(kind="slow", seconds=0.8, command="update"))  # the first row holds the watermark
    before = stopped_after(run, index, iter(ROWS), 300, checkpoint=tmp_path / "c")
    cancel_token = bulk.CancelToken()
    cancel_token.cancel()
    report = failed(lambda: run(iter(ROWS), checkpoint=tmp_path / "c", cancel_token=cancel_token)).report
    assert report.done == before.done
    assert report.not_attempted >= 0
    assert report.total >= 300 - 64
