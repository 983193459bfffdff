"""Bulk updates in a running Airflow whose task is killed or terminated."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.live_airflow import LiveAirflow

ROWS, IDS, CONCURRENCY = 4_000, 701, 16
HEARTBEAT_SECONDS = 2  # the task learns its new state with it


@pytest.fixture
def rows(server: DevServer, tmp_path: Path) -> Path:
    """A file of updates, several of each vector; the vectors are in the index."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert({"id": f"v{n}", "vector": [1, 1], "metadata": {"n": -1}} for n in range(IDS))
    server.requests.clear()
    path = tmp_path / "rows.jsonl"
    changes = ({"id": f"v{n * 7 % IDS}", "metadata": {"n": n}} for n in range(ROWS))
    path.write_text("".join(f"{json.dumps(change)}\n" for change in changes))
    return path


def stored(server: DevServer) -> dict[str, int]:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        return {vector.id: (vector.metadata or {})["n"] for vector in client.range(include_metadata=True)}


def start(airflow: LiveAirflow, server: DevServer, rows: Path) -> tuple[str, int]:
    """Trigger the DAG; return the run id and the task's process id once a third of the rows is updated."""
    run_id = airflow.trigger("bulk_rows", rows=str(rows))
    airflow.wait(lambda: server.requests["update"] > ROWS // 3, 120)
    return run_id, airflow.task(run_id, "update")["pid"]


def wait_for_end(airflow: LiveAirflow, run_id: str, state: str) -> None:
    """Wait for the end of the run's task, in ``state``."""
    assert airflow.wait_for_end(run_id, "update") == state, airflow.logs(run_id)


def wait_for_exit(airflow: LiveAirflow, pid: int) -> float:
    """Wait for the end of a process; return the seconds that took."""
    start_time = time.monotonic()
    airflow.wait(lambda: not Path(f"/proc/{pid}").exists(), 30)
    return time.monotonic() - start_time


def test_a_killed_task_resumes(airflow: LiveAirflow, server: DevServer, rows: Path) -> None:
    run_id, pid = start(airflow, server, rows)
    os.kill(pid, signal.SIGKILL)
    wait_for_end(airflow, run_id, "success")

    assert airflow.task(run_id, "update")["try_number"] == 2
    assert stored(server) == {f"v{n * 7 % IDS}": n for n in range(ROWS)}
    assert ROWS <= server.requests["update"] <= ROWS + CONCURRENCY
    manifest = airflow.result(run_id, "update")
    assert (manifest["total"], manifest["updated"], manifest["not_attempted"]) == (ROWS, ROWS, 0)


def test_a_terminated_task_settles_what_is_in_flight(airflow: LiveAirflow, server: DevServer, rows: Path) -> None:
    run_id, pid = start(airflow, server, rows)
    os.kill(pid, signal.SIGTERM)
    assert wait_for_exit(airflow, pid) < 5
    sent = server.requests["update"]

    wait_for_end(airflow, run_id, "success")
    assert sent < ROWS
    assert server.requests["update"] == ROWS
    assert stored(server) == {f"v{n * 7 % IDS}": n for n in range(ROWS)}


def test_a_task_that_is_marked_failed_settles_what_is_in_flight(
    airflow: LiveAirflow, server: DevServer, rows: Path
) -> None:
    run_id, pid = start(airflow, server, rows)
    airflow.mark_failed("bulk_rows", run_id, "update")
    assert wait_for_exit(airflow, pid) < 5 + HEARTBEAT_SECONDS
    sent = server.requests["update"]

    wait_for_end(airflow, run_id, "failed")
    log = airflow.logs(run_id)
    assert f"the run was cancelled: {sent:,} of {ROWS:,} rows updated" in log
    assert f"{ROWS - sent:,} not attempted" in log
    assert server.requests["update"] == sent < ROWS
