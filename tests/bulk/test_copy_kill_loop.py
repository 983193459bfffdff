"""Copies that are killed with ``kill -9`` at random moments until one completes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.bulk.test_upserts import fetched

_DEADLINE_SECONDS = 120
LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize(("rows", "kills"), [(800, 1), pytest.param(20_000, 15, marks=LONG)])
def test_every_vector_is_copied_in_spite_of_kills(rows: int, kills: int, tmp_path: Path) -> None:
    token, checkpoint, rate = "token", tmp_path / "checkpoint", rows // (2 * kills)
    slow = Fault(kind="slow", command="upsert", times=10**9, seconds=0.3, probability=0.05)
    with DevServer(token=token) as source, DevServer(token=token) as target:
        vectors = [{"id": f"v{n}", "vector": [n, 1 / 3], "metadata": {"n": n}} for n in range(rows)]
        bulk.upsert(vectors, Endpoint.of(source.url, token), progress="none")
        target.faults.add(slow)
        for _ in range(kills):
            process = start(source, target, checkpoint, rate)
            wait_for_progress(process, target, checkpoint)
            process.kill()
            process.communicate(timeout=_DEADLINE_SECONDS)
        target.faults.clear()
        output, _ = start(source, target, checkpoint).communicate(timeout=_DEADLINE_SECONDS)
        assert target.requests["range"] == 1  # whether it is empty, before the first kill
        report = json.loads(output)
        counts = ("total", "upserted", "read", "rejected", "failed", "not_attempted")
        assert [report[name] for name in counts] == [rows, rows, rows, 0, 0, 0]
        assert fetched(target) == fetched(source)


def start(
    source: DevServer, target: DevServer, checkpoint: Path, rate: int | None = None
) -> subprocess.Popen[str]:
    arguments = [source.url, target.url, target.token, str(checkpoint), *([str(rate)] if rate else [])]
    command = [sys.executable, "-m", "tests.support.killed_copy", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for_progress(process: subprocess.Popen[str], target: DevServer, checkpoint: Path) -> None:
    """Wait until the checkpoint has another position, and for some more requests."""
    end, before, count = time.monotonic() + _DEADLINE_SECONDS, position(checkpoint), None
    while count is None or target.requests["upsert"] < count:
        assert process.poll() is None, "the copy ended"
        assert time.monotonic() < end, "the copy makes no progress"
        time.sleep(0.002)
        if count is None and position(checkpoint) != before:
            count = target.requests["upsert"] + random.randrange(30)


def position(checkpoint: Path) -> str:
    return json.loads(checkpoint.read_text())["position"] if checkpoint.exists() else "0 0"
