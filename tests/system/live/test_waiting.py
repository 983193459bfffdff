"""Tasks of a running Airflow that wait in the triggerer, and in another one after it is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.client import Credentials, Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import ManualClock
from tests.support.live_airflow import LiveAirflow


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def index(slow_index_port: int, clock: ManualClock) -> Iterator[DevServer]:
    with DevServer(port=slow_index_port, indexing_delay=1.0, clock=clock) as server:
        yield server


def wait_for_checks(airflow: LiveAirflow, index: DevServer, kind: str, count: int) -> None:
    """Wait for ``count`` more requests of a kind."""
    until = index.requests[kind] + count
    airflow.wait(lambda: index.requests[kind] >= until, 120)


def wait_for_deferral(airflow: LiveAirflow, run_id: str, task_id: str) -> None:
    """Wait until a task is deferred and its process has ended."""
    airflow.wait(lambda: airflow.task(run_id, task_id)["state"] == "deferred", 120)
    worker = airflow.task(run_id, task_id)["pid"]
    airflow.wait(lambda: not Path(f"/proc/{worker}").exists(), 60)


def test_waits_resume_in_another_triggerer(airflow: LiveAirflow, index: DevServer, clock: ManualClock) -> None:
    airflow.add_connection("movies", host=index.url, password=index.token)
    credentials = Credentials(Endpoint.of(index.url, index.token), lambda: Endpoint.of(index.url, index.token))
    with VectorClient(credentials) as client:
        client.upsert([{"id": "early", "vector": [1, 1]}])
        run_id = airflow.trigger("waiting")
        wait_for_deferral(airflow, run_id, "wait")
        wait_for_deferral(airflow, run_id, "update")
        wait_for_checks(airflow, index, "fetch", 3)

        airflow.kill_component("triggerer")
        airflow.run_component("triggerer")
        wait_for_checks(airflow, index, "fetch", 3)
        index.rotate_token()
        airflow.enter_token("movies", index.token)
        wait_for_checks(airflow, index, "fetch", 3)
        client.upsert([{"id": "late", "vector": [1, 1], "metadata": {"ready": True, "more": 1}}])
        clock.now += 1.0  # all vectors are indexed

    assert airflow.wait_for_end(run_id, "wait") == "success", airflow.logs(run_id)
    assert airflow.wait_for_end(run_id, "update") == "success", airflow.logs(run_id)
    assert airflow.result(run_id, "update") == 1
    events = airflow.query("SELECT extra FROM asset_event WHERE source_run_id = ?", run_id)
    assert [json.loads(extra) for (extra,) in events] == [{"updated": 1}]
    assert index.requests["update"] == 1
    logs = airflow.logs(run_id)
    assert index.token not in logs
    assert "vector 'late' exists" in logs
