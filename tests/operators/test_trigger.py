"""The trigger: when it looks, what it does without a connection, and what its event tells."""

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
from tests.support.waiting_tasks import event

DEFAULT = {"upstash_vector_conn_id": "upstash_vector_default", "poke_interval": 0.01}


@pytest.fixture(autouse=True)
def index(slow_index: DevServer) -> DevServer:
    return slow_index


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The sleeps of the trigger, which take no time."""
    found: list[float] = []

    async def short(seconds: float) -> None:
        found.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=short))
    return found


def test_the_first_look_is_no_later_than_the_deadline(index: DevServer, sleeps: list[float]) -> None:
    wait_spec = {**DEFAULT, "poke_interval": 3_600.0, "vector_id": "a", "namespace": "ns"}
    assert event(**wait_spec, deadline=time.time() + 60)["status"] == "met"
    assert 0 < sleeps[0] <= 60
    assert event(**wait_spec, deadline=time.time() - 60)["status"] == "met"
    assert sleeps[1] == 0
    assert event(**{**wait_spec, "vector_id": "none"}, deadline=time.time() - 60)["status"] == "timeout"
    assert (len(sleeps), index.requests["fetch"]) == (3, 3)


def connections(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> list[str]:
    """Let the look-ups of the connection fail with these errors first; return those that were made."""
    found: list[str] = []
    get, failing = get_async_connection, iter(errors)

    async def get_connection(conn_id: str) -> Any:
        found.append(conn_id)
        if (error := next(failing, None)) is not None:
            raise error
        return await get(conn_id)

    monkeypatch.setattr(module, "get_async_connection", get_connection)
    return found


def test_look_ups_of_the_connection_that_fail_count_as_looks(
    monkeypatch: pytest.MonkeyPatch, sleeps: list[float]
) -> None:
    busy = RuntimeError("wrong: https://:t0k3n@host")
    found = connections(monkeypatch, *[busy] * 5)
    assert event(**DEFAULT, vector_id="a", namespace="ns")["status"] == "met"
    assert (len(found), len(sleeps)) == (6, 6)
    found = connections(monkeypatch, *[busy] * 6)
    end = event(**DEFAULT, vector_id="a", namespace="ns")
    assert (end["status"], end["permanent"], len(found)) == ("failed", False, 6)
    assert end["message"].endswith("the connection could not be read: RuntimeError")


def test_a_connection_that_does_not_exist_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connections(monkeypatch, AirflowNotFoundException("The conn_id `no` isn't defined"))
    end = event(**DEFAULT)
    assert (end["status"], end["permanent"], len(found)) == ("failed", True, 1)
    assert end["message"] == "The conn_id `no` isn't defined"


def test_a_connection_that_cannot_be_used_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", '{"conn_type": "upstash_vector"}')
    end = event(**DEFAULT)
    assert (end["status"], end["permanent"]) == ("failed", True)
    assert "The REST URL is missing" in end["message"]


def test_one_client_for_all_looks_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
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
    found = connections(monkeypatch)
    assert event(**DEFAULT, namespace="ns")["status"] == "met"
    assert (len(found), len(opened), closed) == (1, 1, opened)


def test_the_event_tells_the_kind_of_error_and_brings_back_what_was_carried(
    index: DevServer, sleeps: list[float]
) -> None:
    index.faults.add(Fault(kind="status", status=429, times=100, retry_after="7"))
    end = event(**DEFAULT, resume_data={"result": 1})
    assert end["cause"] == {"kind": "rate_limit", "retry_after": 7.0}
    assert end["resume_data"] == {"result": 1}
    assert sleeps == [0.01, 7.0, 7.0, 7.0, 7.0, 7.0]
