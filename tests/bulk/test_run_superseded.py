"""Two runs on one checkpoint in an object store: the newer one completes, the older one stops."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill, stored

ROWS, BAD = 2_000, 50
AFTER = {f"v{n}": {"n": n} for n in range(ROWS) if n % BAD}


@pytest.fixture
def path(server: DevServer, tmp_path: Path) -> Path:
    """A file of rows of which some are rejected."""
    fill(server, AFTER)
    file = tmp_path / "rows.jsonl"
    lines = ({"id": f"v{n}" if n % BAD else "", "metadata": {"n": n}} for n in range(ROWS))
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


class Watched(bulk.FileCheckpoint):
    """Counts what its run does after another run has taken over."""

    def __init__(self, path: UPath, taken_over: threading.Event) -> None:
        super().__init__(path)
        self.taken_over = taken_over
        self.changes_after = self.checks_after = 0

    def load(self) -> Mapping[str, Any] | None:
        self.checks_after += self.taken_over.is_set()
        return super().load()

    def save(self, state: dict[str, Any]) -> None:
        super().save(state)
        self.changes_after += self.taken_over.is_set()

    def clear(self) -> None:
        super().clear()
        self.changes_after += self.taken_over.is_set()


class Announcing(bulk.FileCheckpoint):
    """Announces its first save."""

    def __init__(self, path: UPath, taken_over: threading.Event) -> None:
        super().__init__(path)
        self.taken_over = taken_over

    def save(self, state: dict[str, Any]) -> None:
        super().save(state)
        self.taken_over.set()


@pytest.mark.parametrize("remote_failures", [False, True])
def test_the_newer_of_two_runs_completes_and_the_older_one_stops_at_its_next_save(
    server: DevServer, path: Path, run: Run, tmp_path: Path, remote_failures: bool
) -> None:
    name = uuid4()
    checkpoint, taken_over = UPath(f"memory://superseded/{name}"), threading.Event()
    failures: Any = UPath(f"memory://superseded/{name}.jsonl") if remote_failures else tmp_path / "f.jsonl"
    older, newer = Watched(checkpoint, taken_over), Announcing(checkpoint, taken_over)
    options: dict[str, Any] = {"failures_path": failures, "max_failures": ROWS}
    errors: list[bulk.BulkJobFailed] = []

    def run_older() -> None:
        errors.append(failed(lambda: run(path, checkpoint=older, max_rows_per_second=100, **options)))

    thread = threading.Thread(target=run_older, daemon=True)
    thread.start()
    end = time.monotonic() + 120
    while server.requests["update"] < 100:
        assert time.monotonic() < end
        time.sleep(0.01)
    report = run(path, checkpoint=newer, max_rows_per_second=400, **options)
    thread.join(120)
    (error,) = errors
    assert (error.reason, error.retryable) == ("superseded", False)
    assert "a newer run, started at 20" in str(error)
    assert error.report.not_attempted > 0
    assert older.changes_after <= 1  # if it was saving at that moment
    assert 1 <= older.checks_after <= 3  # before the save that stops it, and before its last
    assert (report.done, report.rejected) == (len(AFTER), ROWS - len(AFTER))
    assert report.this_attempt.requests < len(AFTER), "it has resumed"
    assert stored(server) == AFTER
    assert sorted(json.loads(line)["failure"]["row"] for line in failures.read_text().splitlines()) == [
        *range(0, ROWS, BAD)
    ]
    assert not checkpoint.exists()
    assert not newer.journal_path.exists()


def test_a_run_whose_checkpoint_is_deleted_stops_and_does_not_save_it_again(
    server: DevServer, path: Path, run: Run
) -> None:
    checkpoint = UPath(f"memory://superseded/{uuid4()}")

    def delete() -> None:
        end = time.monotonic() + 120
        while server.requests["update"] < 100 and time.monotonic() < end:
            time.sleep(0.01)
        checkpoint.unlink()

    thread = threading.Thread(target=delete, daemon=True)
    thread.start()
    error = failed(lambda: run(path, checkpoint=checkpoint, max_rows_per_second=100, max_failures=ROWS))
    thread.join(120)
    assert (error.reason, error.retryable) == ("superseded", True)
    assert not checkpoint.exists()
    assert run(path, checkpoint=checkpoint, max_failures=ROWS).done == len(AFTER)
    assert stored(server) == AFTER
