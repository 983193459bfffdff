"""Runs that cannot write what they need: each ends with a report and a reason, and a retry completes it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.tracking import failures, monitor, progress
from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill
from tests.support.file_systems import HAS_CHAINS
from tests.support.full_disk import EVERY_REJECTED, ROWS

REJECTED = [*range(0, ROWS, EVERY_REJECTED)]
LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize("cases", [12, pytest.param(300, marks=LONG)])
def test_a_disk_that_is_full_at_random_moments(server: DevServer, tmp_path: Path, cases: int) -> None:
    fill(server, [f"v{number}" for number in range(ROWS)])
    seed = str(random.randrange(10**6))
    command = [sys.executable, "-m", "tests.support.full_disk", server.url, server.token, str(tmp_path), seed]
    done = subprocess.run([*command, str(cases)], capture_output=True, text=True, check=False, timeout=1_500)
    assert done.returncode == 0, (seed, done.stderr)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == cases
    for case in results:
        first, second = case["runs"]
        assert first["error"] in {None, "BulkJobFailed"}, (seed, case)
        assert first.get("reason") in {None, "checkpoint", "failures_file"}, (seed, case)
        assert not [name for name in first["files"] if name.endswith(".new")], (seed, case)
        assert second["error"] is None, (seed, case)
        assert second["report"]["updated"] == ROWS - len(REJECTED), (seed, case)
        assert sorted(case["failures"]) == REJECTED, (seed, case)
        assert set(second["files"]) - {"checkpoint.budget", "checkpoint.lock"} == {"failures.jsonl"}, (seed, case)
    assert "BulkJobFailed" in {case["runs"][0]["error"] for case in results}


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"id": f"v{number}", "metadata": {"n": number}} for number in range(count)]


@pytest.mark.parametrize("scheme", ["", *["simplecache::file://"] * HAS_CHAINS])
@pytest.mark.parametrize(
    ("argument", "reason"), [("failures_path", "failures_file"), ("checkpoint", "checkpoint")]
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_that_cannot_be_written_is_noticed_before_any_request(
    server: DevServer, run: Run, tmp_path: Path, argument: str, reason: str, scheme: str, dry_run: bool
) -> None:
    kept = tmp_path / "checkpoint"
    path: Any = f"/proc/nowhere/{tmp_path.name}"  # a cache keeps files by name
    path = UPath(scheme + path) if scheme else path
    fill(server, ["v0"])
    if dry_run and argument == "checkpoint":
        assert run(numbered(3), checkpoint=path, dry_run=True).not_attempted == 3
        return
    error = failed(lambda: run(numbered(3), **{"checkpoint": kept, argument: path}, dry_run=dry_run))
    assert (error.reason, error.retryable) == (reason, True)
    assert (error.report.total, error.report.not_attempted) == (3, 3)
    assert isinstance(error.__cause__, OSError)
    assert not server.requests


class Unwritable:
    """A checkpoint store, or a file of one, that fails in one method."""

    def __init__(self, method: str) -> None:
        self.method = method

    def __get__(self, instance: object, owner: type) -> Any:
        def fail(*_: object) -> None:
            raise PermissionError(f"{self.method} is not allowed")

        return fail


@pytest.mark.parametrize("method", ["check", "load", "save", "clear", "load_budget", "save_budget"])
def test_a_store_that_fails_leaves_a_report(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    fill(server, [f"v{number}" for number in range(20)])
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "daily_budget": 100, "failures_path": tmp_path / "f"}
    with monkeypatch.context() as broken:
        broken.setattr(bulk.FileCheckpoint, method, Unwritable(method))
        broken.setattr("airflow_provider_upstash_vector.bulk.tracking.budget._RETRY_SECONDS", 0.01)
        error = failed(lambda: run(numbered(20), **options))
    assert (error.reason, error.report.total) == ("checkpoint", 20)
    assert "is not allowed" in str(error)
    assert error.report.done == server.requests["update"] == (20 if method == "clear" else 0)
    report = run(numbered(20), **options)
    assert (report.done, server.requests["update"]) == (20, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.budget", "c.lock", "f"]


def failing(*_: object, **__: object) -> None:
    raise OSError("gone")


async def failing_soon(*_: object, **__: object) -> None:
    raise OSError("gone")


@pytest.mark.parametrize(
    ("owner", "method", "replacement", "reason"),
    [
        (failures.FailuresFile, "_close", failing, "failures_file"),
        (failures.FailuresFile, "_cut", failing, "failures_file"),
        (AsyncVectorClient, "__aexit__", failing_soon, "error"),
        (monitor.RunMonitor, "_watch", failing_soon, "error"),
        (monitor.RunMonitor, "show", failing, "error"),
    ],
)
def test_what_fails_on_the_way_ends_the_run_with_a_report(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, method: str,
    replacement: Any, reason: str,
) -> None:  # fmt: skip
    fill(server, [f"v{number}" for number in range(20)])
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "failures_path": tmp_path / "f"}
    with monkeypatch.context() as broken:
        broken.setattr(owner, method, replacement)
        error = failed(lambda: run(numbered(20), max_rows_per_second=20, **options))
    assert (error.reason, error.retryable) == (reason, True)
    assert "gone" in str(error)
    sent = server.requests["update"]
    assert error.report.done == sent
    assert run(numbered(20), **options).done == server.requests["update"] == 20


def test_progress_that_cannot_be_shown_does_not_end_the_run(
    server: DevServer, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(server, ["v0"])
    monkeypatch.setattr(progress.LogLines, "show", failing)
    monkeypatch.setattr(progress.LogLines, "close", failing)
    assert run(numbered(1), progress="log").done == 1
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "The progress cannot be shown any more",
        "The progress could not be closed",
    ]


def test_rows_that_fail_to_close_do_not_hide_the_reason(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, [f"v{number}" for number in range(50)])

    def unclosable() -> Iterator[object]:
        try:
            yield from numbered(50)
        finally:
            raise OSError("the connection of the cursor is lost")

    error = failed(lambda: run(unclosable(), checkpoint=tmp_path / "c", daily_budget=10))
    assert (error.reason, error.report.done) == ("daily_budget", 10)


@pytest.mark.parametrize("store", ["local", *["remote"] * HAS_CHAINS])
def test_failures_that_cannot_be_kept_at_the_end_are_kept_by_a_retry(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    fill(server, ["v0", "v2"])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    folder = tmp_path / "failures"
    path: Any = folder / "f.jsonl" if store == "local" else UPath(f"simplecache::file://{folder}/f.jsonl")
    folder.mkdir()

    def vanishing() -> Iterator[object]:
        yield from [{"id": "v0", "data": "x"}, {"id": "v1", "dta": "x"}]
        shutil.rmtree(folder)
        yield {"id": "v2", "data": "x"}

    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "max_failures": 1, "max_concurrency": 1}
    error = failed(lambda: run(vanishing(), failures_path=path, **options))
    assert error.reason == "failures_file"
    assert (tmp_path / "c").exists()
    if store == "local":
        return  # the lines are lost with the folder
    assert (error.report.done, error.report.rejected) == (2, 1)
    folder.mkdir()
    rows = [{"id": "v0", "data": "x"}, {"id": "v1", "dta": "x"}, {"id": "v2", "data": "x"}]
    report = run(iter(rows), failures_path=path, **options)
    assert (report.done, report.this_attempt.requests) == (2, 0)
    assert json.loads((folder / "f.jsonl").read_text())["failure"]["row"] == 1


def test_trying_an_object_store_keeps_the_failures_there(run: Run, tmp_path: Path) -> None:
    path = UPath("memory://kept/failures.jsonl")
    line = json.dumps({"failure": {"row": 0}}) + "\n"
    path.write_text(line)
    cancel_token = bulk.CancelToken()
    cancel_token.cancel()
    assert failed(lambda: run(numbered(1), failures_path=path, cancel_token=cancel_token)).reason == "cancelled"
    assert path.read_text() == line
    assert [file.name for file in path.parent.iterdir()] == ["failures.jsonl"]
