"""``wait_until_indexed`` of the operators, against an index that takes a while."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import Cancelled, QuotaExceeded
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.base import waiting
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from tests.support.harness import OutletEvents
from tests.support.waiting_tasks import PENDING_CHECKS, context, create, defer, resume, run_trigger

ONE: dict[str, Any] = {"vector_id": "a", "data": "new"}
WRITERS: dict[str, tuple[type[Any], dict[str, Any], Any]] = {
    "one": (UpdateVectorOperator, ONE, 1),
    "bulk": (BulkUpdateVectorsOperator, {"rows": [{"id": "a", "data": "new"}]}, {"updated": 1}),
}
EACH_WRITER = pytest.mark.parametrize(("kind", "arguments", "result"), WRITERS.values(), ids=WRITERS)


@pytest.fixture(autouse=True)
def index(slow_index: DevServer, quick_confirmation: None) -> DevServer:
    return slow_index


@pytest.mark.parametrize("stale", [0, 1])
@pytest.mark.parametrize("deferrable", [False, True])
@EACH_WRITER
def test_operators_wait_until_their_writes_are_indexed(
    index: DevServer, kind: type[Any], arguments: dict[str, Any], result: Any, deferrable: bool, stale: int
) -> None:
    index_checks = int(kind is BulkUpdateVectorsOperator)  # its check_index
    if stale:
        index.faults.add(Fault(kind="stale", times=index_checks + stale))
    options = {"wait_until_indexed": True, "poke_interval": 0.05, "deferrable": deferrable}
    operator = create(kind, **arguments, **options, namespace="ns")
    if deferrable:
        deferred = defer(operator)
        asset, nothing = upstash_vector_asset(index.url, "ns"), upstash_vector_asset(index.url, "other")
        operator = create(kind, **arguments, **options, namespace="ns", outlets=[asset, nothing])
        events = OutletEvents()
        event = run_trigger(deferred)
        returned = resume(operator, event, {**context(), "outlet_events": events.accessors})
        assert operator.outlets == [asset]
        assert {uri: extra["updated"] for uri, extra in events.extras().items()} == {asset.uri: 1}
        assert asdict(operator.write_result) == event["resume_data"]["write_result"]
        assert index.token not in json.dumps(event)
    else:
        returned = operator.execute(context())
    assert returned == result or returned.items() >= result.items()
    confirmations = int(deferrable and stale)  # in the triggerer, whose first check finds no pending vectors
    assert index.requests["info"] == index_checks + PENDING_CHECKS + 1 + confirmations
    with VectorClient(Endpoint.of(index.url, index.token)) as client:
        assert client.info().pending_vector_count == 0
    assert index.requests["update"] == 1


@EACH_WRITER
def test_the_client_is_closed_after_the_wait(kind: type[Any], arguments: dict[str, Any], result: Any) -> None:
    operator = create(kind, **arguments, namespace="ns", wait_until_indexed=True, poke_interval=0.1)
    operator.execute(context())
    assert operator.hook._client is None


def test_there_is_no_wait_if_nothing_was_updated(index: DevServer) -> None:
    create(UpdateVectorOperator, vector_id="none", data="x", wait_until_indexed=True).execute(context())
    assert "info" not in index.requests


@pytest.mark.parametrize("slow_index", [1_000], indirect=True)
def test_a_wait_that_times_out_fails() -> None:
    options = {"wait_until_indexed": True, "wait_timeout": 0.2, "poke_interval": timedelta(seconds=0.1)}
    operator = create(UpdateVectorOperator, **ONE, namespace="ns", **options)
    with pytest.raises(AirflowSensorTimeout, match="1 vector is pending in namespace 'ns'"):
        operator.execute(context())


@pytest.mark.parametrize("kind", ["status", "quota"])
def test_a_wait_that_fails(index: DevServer, kind: Any) -> None:
    index.faults.add(Fault(kind=kind, status=403, times=100, command="info"))
    operator = create(UpdateVectorOperator, **ONE, namespace="ns", wait_until_indexed=True, poke_interval=0.01)
    if kind == "status":
        with pytest.raises(AirflowFailException, match="403"):
            operator.execute(context())
        return
    with pytest.raises(WaitFailed, match="consecutive checks failed") as raised:
        operator.execute(context())
    assert isinstance(raised.value.__cause__, QuotaExceeded)  # so that a retry policy waits for midnight


def test_the_interval_of_a_wait_is_never_zero() -> None:
    assert waiting.WaitSpec(poke_interval=0).poller(None) is not None


@pytest.mark.parametrize("name", ["poke_interval", "wait_timeout"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("60", TypeError),
        (True, TypeError),
        (None, TypeError),
        (0, ValueError),
        (-1.0, ValueError),
        (timedelta(0), ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
    ],
)
def test_invalid_durations_break_the_dag(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{name} must be"):
        create(UpdateVectorOperator, **ONE, **{name: value})


def test_durations() -> None:
    operator = create(UpdateVectorOperator, **ONE, poke_interval=5, wait_timeout=timedelta(minutes=1))
    assert (operator.poke_interval, operator.wait_timeout) == (5.0, 60.0)


@EACH_WRITER
def test_on_kill_cancels_the_wait(
    index: DevServer, kind: type[Any], arguments: dict[str, Any], result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = create(kind, **arguments, namespace="ns", wait_until_indexed=True, poke_interval=3_600)
    check_once = waiting.check_once

    def kill_soon(*arguments: Any) -> Any:
        threading.Timer(0.05, operator.on_kill).start()
        return check_once(*arguments)

    monkeypatch.setattr(waiting, "check_once", kill_soon)
    with pytest.raises(WaitFailed, match="the wait was cancelled"):
        operator.execute(context())


@pytest.mark.parametrize("deferrable", [False, True])
def test_on_kill_before_the_task_cancels_it(index: DevServer, deferrable: bool) -> None:
    options = {"wait_until_indexed": True, "poke_interval": 3_600, "deferrable": deferrable}
    operator = create(UpdateVectorOperator, **ONE, namespace="ns", **options)
    operator.on_kill()
    with pytest.raises(Cancelled, match="update of 'a' in namespace 'ns': cancelled"):
        operator.execute(context())
    assert index.requests["update"] == 0
