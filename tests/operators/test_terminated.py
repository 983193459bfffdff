"""SIGTERM ends a task whose request hangs, or that waits: all that Airflow 3 does is to call ``on_kill``."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import Cancelled, UpstashVectorError
from airflow_provider_upstash_vector.decorators.upstash_vector import upstash_vector_update_task
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed
from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import context

HANGS = {"times": 100, "kind": "slow", "seconds": 600.0}
WAITING: dict[str, Any] = {"wait_until_indexed": True, "poke_interval": 3_600}
THROTTLED = {"kind": "status", "status": 429, "retry_after": "100", "times": 100}


def decorated() -> Any:
    function: Any = upstash_vector_update_task(lambda: {"id": "a", "data": "x"}, task_id="t")
    return function().operator


def update(**options: Any) -> Any:
    return UpdateVectorOperator(task_id="t", vector_id="a", data="x", **options)


def ready(**options: Any) -> Any:
    return UpstashVectorIndexReadySensor(task_id="t", poke_interval=3_600, timeout=7_200, **options)


TASKS: dict[str, tuple[Any, str, dict[str, Any] | None]] = {
    "update": (update, "update", HANGS),
    "decorated": (decorated, "update", HANGS),
    "backoff": (update, "update", THROTTLED),
    "check after an update": (lambda: update(**WAITING), "info", HANGS),
    "wait after an update": (lambda: update(**WAITING), "info", None),
    "poke": (ready, "info", HANGS),
    "poke interval": (ready, "info", None),
    "deferrable": (lambda: ready(deferrable=True), "info", HANGS),
    "never_fail": (lambda: ready(silent_fail=True), "info", HANGS),
}


@contextmanager
def terminated(operator: Any, index: DevServer, command: str) -> Iterator[None]:
    """Send SIGTERM to this process once ``command`` was requested; handle it as the task runner does."""

    def terminate() -> None:
        deadline = time.monotonic() + 120
        while not index.requests[command] and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)  # so that the handler more often interrupts a system call
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate, daemon=True)
    before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        thread.start()
        yield
    finally:
        thread.join(120)
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_ends_on_sigterm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create, command, fault = TASKS[name]
    with DevServer(indexing_delay=1e9) as index, VectorClient(Endpoint.of(index.url, index.token)) as client:
        client.upsert([{"id": "a", "vector": [1, 1]}])
        connection = connection_json(index, timeout=500, max_attempts=5)
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection)
        if fault:
            index.faults.add(Fault(command=command, **fault))
        with DAG("d", schedule=None):
            operator = create()
        operator.render_template_fields(context())
        started = time.monotonic()
        with terminated(operator, index, command), pytest.raises((Cancelled, WaitFailed), match="cancelled"):
            operator.execute(context())
        assert time.monotonic() - started < 100  # without a signal it takes 500 s and more
        assert index.requests["update"] <= 1


def test_a_connection_attempt_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    token = CancelToken()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: threading.Event().wait(600))
    client = VectorClient(Endpoint.of("http://127.0.0.1:1", "x"), cancel_token=token)
    threading.Timer(0.2, token.cancel).start()
    with client, pytest.raises(Cancelled, match=r"^info: cancelled") as raised:
        client.info()
    assert raised.value.retryable
    with pytest.raises(Cancelled):
        client.info()


def test_calls_with_a_token_return_and_raise_as_without(server: DevServer) -> None:
    with VectorClient(Endpoint.of(server.url, server.token), cancel_token=CancelToken()) as client:
        client.upsert([{"id": "a", "vector": [1, 1]}])
        server.faults.add(Fault(kind="status", status=503, command="fetch"))
        assert [vector and vector.id for vector in client.fetch(["a", "b"])] == ["a", None]
        server.faults.add(Fault(kind="status", status=400, command="fetch"))
        with pytest.raises(UpstashVectorError, match="400"):
            client.fetch(["a"])


def test_a_copy_of_a_token_is_a_new_token() -> None:
    token = CancelToken()
    token.cancel()
    for new in (copy.deepcopy(token), pickle.loads(pickle.dumps(token))):  # noqa: S301 - our own
        assert not new.cancelled
