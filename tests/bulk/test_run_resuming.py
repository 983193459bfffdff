"""Runs that are killed or stopped, and resume from their checkpoint."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill, stored

ROWS, IDS, CONCURRENCY = 3_000, 331, 16


@pytest.fixture
def path(server: DevServer, tmp_path: Path) -> Path:
    """A file with about nine updates of each vector."""
    fill(server, (f"v{n}" for n in range(IDS)))
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"id":"v{n % IDS}","metadata":{{"n":{n}}}}}\n' for n in range(ROWS)))
    return file


AFTER = {f"v{n % IDS}": {"n": n} for n in range(ROWS)}


def command(server: DevServer, path: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "airflow_provider_upstash_vector",
            "update",
            str(path),
            "--url",
            server.url,
            "--json",
            *options,
        ],
        env={**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_updates(server: DevServer, count: int) -> None:
    end = time.monotonic() + 60
    while server.requests["update"] < count:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("seconds", [0.0, 0.7, 1.5])
def test_kill_9_loses_nothing_and_sends_one_window_twice(
    server: DevServer, path: Path, tmp_path: Path, seconds: float
) -> None:
    checkpoint, failures = tmp_path / "checkpoint.json", tmp_path / "failures.jsonl"
    path.write_text('{"id": ""}\n' + path.read_text())
    options = [f"--checkpoint={checkpoint}", f"--max-concurrency={CONCURRENCY}", "--max-failures=1"]
    options += ["--max-rows-per-second=1000", f"--failures-path={failures}"]
    killed = command(server, path, *options)
    wait_for_updates(server, 100)
    time.sleep(seconds)
    killed.kill()
    killed.communicate(timeout=60)
    assert server.requests["update"] < ROWS

    finished = command(server, path, *options)
    output, log = finished.communicate(timeout=60)
    report = json.loads(output)
    assert finished.returncode == 0, log
    assert "Resuming after" in log
    assert (report["total"], report["updated"], report["rejected"]) == (ROWS + 1, ROWS, 1)
    assert stored(server) == AFTER
    assert ROWS <= server.requests["update"] <= ROWS + CONCURRENCY
    assert len(failures.read_text().splitlines()) == 1
    assert [path.name for path in tmp_path.glob("checkpoint*")] == ["checkpoint.json.lock"]


def test_killed_again_and_again(server: DevServer, path: Path, tmp_path: Path) -> None:
    server.faults.add(Fault(kind="status", status=503, probability=0.05, command="update"))
    options = (f"--checkpoint={tmp_path / 'c'}", f"--max-concurrency={CONCURRENCY}", "--max-rows-per-second=1000")
    for part in range(1, 6):
        killed = command(server, path, *options)
        wait_for_updates(server, part * 500)
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
    output, log = command(server, path, *options).communicate(timeout=60)
    report, requests = json.loads(output), server.requests["update"]
    assert report["updated"] == ROWS, log
    assert stored(server) == AFTER
    # the report covers the runs that were killed before their first regular checkpoint
    assert requests <= ROWS + report["retries"] + 5 * CONCURRENCY
    assert report["bytes_sent"] >= requests * len(b'{"id":"v0","metadata":{"n":0}}')
    assert report["seconds"] >= requests / 1_000 - 6 * 0.2


def stopped_after(run: Run, server: DevServer, rows: object, count: int, **options: Any) -> bulk.BulkReport:
    """Run until ``count`` updates have been sent; return the report."""
    cancel_token = bulk.CancelToken()

    def cancel() -> None:
        wait_for_updates(server, count)
        cancel_token.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    error = failed(lambda: run(rows, cancel_token=cancel_token, max_rows_per_second=1_000, **options))
    thread.join(60)
    assert not thread.is_alive()
    return error.report


def test_without_the_journal_a_run_resumes_from_the_last_checkpoint(
    server: DevServer, path: Path, run: Run, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "c"
    before = stopped_after(run, server, path, 500, checkpoint=checkpoint)
    (tmp_path / "c.journal").unlink()
    report = run(path, checkpoint=checkpoint)
    assert before.done < ROWS
    assert report.done == ROWS == server.requests["update"]
    assert report.seconds > before.seconds
    assert report.bytes_sent == path.stat().st_size - ROWS
    reads = server.requests["info"] + server.requests["fetch"]
    assert reads > server.requests["info"] == 2
    assert report.to_dict()["operations"] == {"written": ROWS, "read": reads}


@pytest.mark.parametrize("kind", ["list", "generator", "shard"])
def test_any_kind_of_rows_resumes(server: DevServer, path: Path, run: Run, tmp_path: Path, kind: str) -> None:
    def rows() -> Any:
        parsed = [json.loads(line) for line in path.read_text().splitlines()]
        return {"list": parsed, "generator": iter(parsed), "shard": path}[kind]

    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "shard": (0, 1) if kind == "shard" else None}
    stopped_after(run, server, rows(), 500, **options)
    assert run(rows(), **options).done == ROWS
    assert server.requests["update"] == ROWS
    assert stored(server) == AFTER


@pytest.mark.parametrize("change", ["input", "content", "option", "version", "garbage"])
def test_a_run_with_changed_input_starts_over_with_a_warning(
    server: DevServer, path: Path, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    checkpoint = tmp_path / "c"
    stopped_after(run, server, path, 500, checkpoint=checkpoint)
    server.requests.clear()
    options: dict[str, Any] = {}
    if change == "input":
        os.utime(path, (1, 1))
    elif change == "content":  # of the same size, with the same time
        before = path.stat()
        path.write_text(path.read_text().replace('"n":7}', '"n":8}'))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "option":
        options["metadata_update_mode"] = "OVERWRITE"
    elif change == "version":
        checkpoint.write_text(json.dumps({**json.loads(checkpoint.read_text()), "version": 99}))
    else:
        checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    with caplog.at_level(logging.INFO):
        report = run(path, checkpoint=checkpoint, **options)
    assert report.done == ROWS == server.requests["update"]
    assert "starting over" in caplog.text


def test_rows_beyond_max_failures_are_sent_again(server: DevServer, path: Path, run: Run, tmp_path: Path) -> None:
    checkpoint, failures = tmp_path / "c", tmp_path / "failures.jsonl"
    good = Fault(kind="status", times=200, probability=0.0, command="update")
    server.faults.add(good, Fault(kind="status", status=422, times=3, command="update"))
    error = failed(lambda: run(path, checkpoint=checkpoint, failures_path=failures, max_failures=2))
    assert (error.reason, error.report.failed) == ("failures", 3)
    report = run(path, checkpoint=checkpoint, failures_path=failures, max_failures=2)
    assert (report.done, report.failed) == (ROWS - 2, 2)
    assert len(failures.read_text().splitlines()) == 2


def test_rows_above_the_watermark_are_not_sent_again(
    server: DevServer, path: Path, run: Run, tmp_path: Path
) -> None:
    server.faults.add(Fault(kind="slow", seconds=0.8, command="update"))  # the first row holds the watermark
    before = stopped_after(run, server, path, 300, checkpoint=tmp_path / "c")
    assert before.done >= 300 - 64
    assert run(path, checkpoint=tmp_path / "c").done == ROWS
    assert server.requests["update"] == ROWS
    assert stored(server) == AFTER
