"""The lock of a local checkpoint, between real processes."""

from __future__ import annotations

import copy
import errno
import fcntl
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill, stored

ROWS = 600
AFTER = {f"v{n}": {"n": n} for n in range(ROWS)}
ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(server: DevServer, tmp_path: Path) -> Path:
    fill(server, AFTER)
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f'{{"id":"v{n}","metadata":{{"n":{n}}}}}\n' for n in range(ROWS)))
    return file


@contextmanager
def running(server: DevServer, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command line; it is killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_upstash_vector", "update", *command],
        env={**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def wait_for_updates(server: DevServer, count: int) -> None:
    end = time.monotonic() + 120
    while server.requests["update"] < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_second_run_is_refused_until_the_first_ends_or_is_killed(
    server: DevServer, path: Path, run: Run, tmp_path: Path
) -> None:
    checkpoint, lock = tmp_path / "c", tmp_path / "c.lock"
    options = [f"--checkpoint={checkpoint}", "--max-rows-per-second=60", "--no-check-index"]
    with running(server, str(path), f"--url={server.url}", *options) as first:
        wait_for_updates(server, 30)
        inode = lock.stat().st_ino
        for refused in (lambda: run(path, checkpoint=checkpoint), lambda: bulk.forget(checkpoint)):
            with pytest.raises(bulk.CheckpointInUse, match=rf"c is in use .*process {first.pid} on ") as raised:
                refused()
            assert f"on {socket.gethostname()}, started at 20" in str(raised.value)
            assert raised.value.retryable
            assert str(copy.copy(raised.value)) == str(raised.value)
        assert server.requests["info"] == 0
        assert first.poll() is None
        assert run(path, checkpoint=checkpoint, dry_run=True).not_attempted == ROWS
        assert run([], checkpoint=tmp_path / "another").total == 0
        first.kill()
        first.wait(60)
        assert server.requests["update"] < ROWS
        assert run(path, checkpoint=checkpoint).done == ROWS
    assert stored(server) == AFTER
    assert server.requests["update"] <= ROWS + 64
    assert not checkpoint.exists()
    assert lock.stat().st_ino == inode
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert server.token not in lock.read_text()
    bulk.forget(checkpoint)


FORKING = """
import os, subprocess, sys
from pathlib import Path
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
lock = CheckpointLock(Path(sys.argv[1]))
lock.acquire()
executed = subprocess.Popen(["sleep", "600"], close_fds=False)
forked = os.fork()
if not forked:
    lock.release()  # of the parent's lock, by a child that knows no better
    lock.acquire_if_free()
    os.write(1, b"child\\n")
    sys.stdin.read()
    os._exit(0)
os.write(1, b"%d %d\\n" % (executed.pid, forked))
sys.stdin.read()
"""


def test_the_lock_ends_with_its_process_even_if_children_live_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "c"
    parent = subprocess.Popen(
        [sys.executable, "-c", FORKING, str(checkpoint)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    lines = {parent.stdout.readline().strip() for _ in range(2)}
    children = [int(pid) for pid in (lines - {"child"}).pop().split()]
    try:
        with pytest.raises(bulk.CheckpointInUse, match=f"process {parent.pid} "):
            CheckpointLock(checkpoint).acquire()
        parent.kill()
        parent.wait(60)
        lock = CheckpointLock(checkpoint)
        lock.acquire()
        for child in children:
            os.kill(child, 0)  # it is alive
        lock.release()
    finally:
        parent.kill()
        for child in children:
            os.kill(child, 9)
        parent.communicate(timeout=60)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_gives_one_warning(
    server: DevServer,
    path: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    assert run(path, checkpoint=tmp_path / "c").done == ROWS
    assert server.requests["update"] == ROWS
    (message,) = [message for message in caplog.messages if "lock" in message]
    assert message.startswith(f"{tmp_path / 'c'} cannot be locked ({os.strerror(code)}): make sure that no two")


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "pipe", "folder"])
def test_a_lock_is_never_written_over_something_else(run: Run, tmp_path: Path, kind: str) -> None:
    lock, precious = tmp_path / "c.lock", tmp_path / "precious"
    precious.write_text("")
    if kind == "file":
        lock.write_text("precious")
    elif kind == "pipe":
        os.mkfifo(lock)
    elif kind == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(precious if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(bulk.InvalidRows, match=r"c\.lock exists and is not the lock of a checkpoint"):
        run([], checkpoint=tmp_path / "c")
    assert precious.read_text() == ""
    assert not (tmp_path / "nowhere").exists()
    assert kind != "file" or lock.read_text() == "precious"


def test_the_lock_of_an_earlier_run_gets_mode_0600(run: Run, tmp_path: Path) -> None:
    lock = tmp_path / "c.lock"
    lock.write_text('{"pid":1}' + " " * 1_000)
    lock.chmod(0o644)
    run([], checkpoint=tmp_path / "c")
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
    assert json.loads(lock.read_text())["pid"] == os.getpid()


def test_a_retry_takes_over_from_a_try_that_still_runs(
    server: DevServer, path: Path, run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def attempt(**options: Any) -> bulk.BulkReport:
        store = bulk.FileCheckpoint(tmp_path / "c", owner="dag run task -1")
        return run(path, checkpoint=store, **options)

    errors: list[bulk.BulkJobFailed] = []
    older = threading.Thread(
        target=lambda: errors.append(failed(lambda: attempt(max_rows_per_second=30))), daemon=True
    )
    older.start()
    wait_for_updates(server, 20)
    with caplog.at_level(logging.INFO):
        newer = attempt(max_rows_per_second=200)
    older.join(120)
    assert newer.done == ROWS
    assert [(error.reason, error.retryable) for error in errors] == [("superseded", False)]
    assert "A previous try of this task still runs" in caplog.text
    assert stored(server) == AFTER
    assert not (tmp_path / "c").exists()
    with pytest.raises(bulk.CheckpointInUse), locked_by(tmp_path / "c"):
        bulk.forget(tmp_path / "c")


@contextmanager
def locked_by(checkpoint: Path) -> Iterator[None]:
    lock = CheckpointLock(checkpoint, "another")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def test_a_retry_gets_the_lock_when_the_previous_try_ends(tmp_path: Path) -> None:
    older, newer = CheckpointLock(tmp_path / "c", "x"), CheckpointLock(tmp_path / "c", "x")
    older.acquire()
    newer.acquire()
    newer.acquire_if_free()
    older.release()
    newer.acquire_if_free()
    with pytest.raises(bulk.CheckpointInUse):
        CheckpointLock(tmp_path / "c", "y").acquire()
    newer.release()
    CheckpointLock(tmp_path / "c", "y").acquire()
