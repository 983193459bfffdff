"""The trigger: when it checks, its connection, and its event."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_upstash_vector.client import AsyncVectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.triggers import upstash_vector as module
from tests.support.waiting_tasks import trigger_event

DEFAULT = {"upstash_vector_conn_id": "upstash_vector_default", "poke_interval": 0.01}


@pytest.fixture(autouse=True)
def index(slow_index: DevServer) -> DevServer:
    return slow_index


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The sleeps of the trigger, which take no time."""
    seconds_slept: list[float] = []

    async def short(seconds: float) -> None:
        seconds_slept.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=short))
    return seconds_slept


def test_the_first_check_is_no_later_than_the_deadline(index: DevServer, sleeps: list[float]) -> None:
    arguments = {**DEFAULT, "poke_interval": 3_600.0, "vector_id": "a", "namespace": "ns"}
    assert trigger_event(**arguments, deadline=time.time() + 60)["status"] == "met"
    assert 0 < sleeps[0] <= 60
    assert trigger_event(**arguments, deadline=time.time() - 60)["status"] == "met"
    assert sleeps[1] == 0
    assert trigger_event(**{**arguments, "vector_id": "none"}, deadline=time.time() - 60)["status"] == "timeout"
    assert (len(sleeps), index.requests["fetch"]) == (3, 3)


def read_connections(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[str]:
    """Make the first reads of the connection fail with these errors; return the ids that were read."""
    conn_ids: list[str] = []
    get, failing = get_async_connection, iter(errors)

    async def get_connection(conn_id: str) -> Any:
        conn_ids.append(conn_id)
        if (error := next(failing, None)) is not None:
            raise error
        return await get(conn_id)

    monkeypatch.setattr(module, "get_async_connection", get_connection)
    return conn_ids


def test_failed_reads_of_the_connection_count_as_failed_checks(
    monkeypatch: pytest.MonkeyPatch, sleeps: list[float]
) -> None:
    busy = RuntimeError("wrong: https://:t0k3n@host")
    conn_ids = read_connections(monkeypatch, *[busy] * 5)
    assert trigger_event(**DEFAULT, vector_id="a", namespace="ns")["status"] == "met"
    assert (len(conn_ids), len(sleeps)) == (6, 6)
    conn_ids = read_connections(monkeypatch, *[busy] * 6)
    payload = trigger_event(**DEFAULT, vector_id="a", namespace="ns")
    assert (payload["status"], payload["permanent"], len(conn_ids)) == ("failed", False, 6)
    assert payload["message"].endswith("the connection could not be read: RuntimeError")


def test_an_unknown_connection_fails_permanently(monkeypatch: pytest.MonkeyPatch) -> None:
    conn_ids = read_connections(monkeypatch, AirflowNotFoundException("The conn_id `no` isn't defined"))
    payload = trigger_event(**DEFAULT)
    assert (payload["status"], payload["permanent"], len(conn_ids)) == ("failed", True, 1)
    assert "airflow connections add upstash_vector_default" in payload["message"]


def test_an_invalid_connection_fails_permanently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", '{"conn_type": "upstash_vector"}')
    payload = trigger_event(**DEFAULT)
    assert (payload["status"], payload["permanent"]) == ("failed", True)
    assert "The REST URL is missing" in payload["message"]


def test_one_client_serves_all_checks_and_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[AsyncVectorClient] = []
    closed: list[AsyncVectorClient] = []

    class Client(AsyncVectorClient):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            opened.append(self)

        async def close(self) -> None:
            closed.append(self)
            await super().close()

    monkeypatch.setattr(module, "AsyncVectorClient", Client)
    conn_ids = read_connections(monkeypatch)
    assert trigger_event(**DEFAULT, namespace="ns")["status"] == "met"
    assert (len(conn_ids), len(opened), closed) == (1, 1, opened)


def test_the_event_has_the_kind_of_error_and_the_resume_data(index: DevServer, sleeps: list[float]) -> None:
    index.faults.add(Fault(kind="status", status=429, times=100, retry_after="7"))
    payload = trigger_event(**DEFAULT, resume_data={"result": 1})
    assert payload["cause"] == {"kind": "rate_limit", "retry_after": 7.0}
    assert payload["resume_data"] == {"result": 1}
    assert sleeps == [0.01, 7.0, 7.0, 7.0, 7.0, 7.0]
