"""Sensor, trigger, and operators that wait: against a real index in which writes are pending for a while."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators import waiting
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from tests.index_fixtures import connection_json
from tests.operators.harness import OutletEvents, task_instance

PENDING_LOOKS = 2


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevServer]:
    """An index with one vector in namespace ``ns``, pending for two looks: its clock is the number of looks."""
    with DevServer(indexing_delay=PENDING_LOOKS + 0.5) as server:
        server._index._pending._clock = lambda: float(server.requests["info"])
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": "a", "vector": [1, 1], "metadata": {"genre": "drama", "year": 1999}}], "ns")
        yield server


def made(kind: type[Any], **arguments: Any) -> Any:
    with DAG("d", schedule=None):
        operator = kind(task_id="t", **arguments)
    operator.render_template_fields(context())
    return operator


def context() -> Any:
    return {"params": {}, "ti": task_instance()}


def sensor(**arguments: Any) -> UpstashVectorIndexReadySensor:
    found: UpstashVectorIndexReadySensor = made(
        UpstashVectorIndexReadySensor, **{"poke_interval": 0.05, "timeout": 100, **arguments}
    )
    return found


def event_of(deferred: TaskDeferred, **changed: Any) -> dict[str, Any]:
    """Run the trigger as the triggerer does, from its serialized form; return the event."""
    path, arguments = deferred.trigger.serialize()
    assert path == "airflow_provider_upstash_vector.triggers.upstash_vector.UpstashVectorTrigger"
    arguments = {**json.loads(json.dumps(arguments)), "first_poll_seconds": 0.05, **changed}

    async def first() -> Any:
        return await anext(UpstashVectorTrigger(**arguments).run())

    return json.loads(json.dumps(asyncio.run(first()).payload))  # type: ignore[no-any-return]


def deferred_by(operator: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(context())
    return raised.value


@pytest.mark.parametrize("place", [{"namespace": "ns"}, {"whole_index": True}])
@pytest.mark.parametrize("deferrable", [False, True])
def test_it_waits_until_nothing_is_pending(index: DevServer, place: dict[str, Any], deferrable: bool) -> None:
    operator = sensor(**place, deferrable=deferrable)
    if deferrable:
        deferred = deferred_by(operator)
        operator.execute_complete(context(), event_of(deferred), **(deferred.kwargs or {}))
    else:
        operator.execute(context())
    assert index.requests["info"] == PENDING_LOOKS + 1


def test_what_is_indexed_already_is_not_deferred(index: DevServer) -> None:
    assert sensor(namespace="other", deferrable=True).execute(context()) is None
    assert index.requests["info"] == 1


def test_it_waits_for_a_vector_and_its_metadata(index: DevServer) -> None:
    found = {"namespace": "ns", "vector_id": "a"}
    sensor(**found).execute(context())
    sensor(**found, metadata={"genre": "drama"}).execute(context())
    sensor(**found, metadata='{"year": 1999}').execute(context())
    for missing in ({"vector_id": "b"}, {"metadata": {"genre": "crime"}}, {"namespace": ""}):
        with pytest.raises(AirflowSensorTimeout):
            sensor(**{**found, **missing}, timeout=0.2).execute(context())


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_timeout_fails_or_skips(index: DevServer, deferrable: bool, soft_fail: bool) -> None:
    timeout = 100 if deferrable else 0.3  # not before it defers
    operator = sensor(vector_id="none", timeout=timeout, soft_fail=soft_fail, deferrable=deferrable)
    expected = AirflowSkipException if soft_fail else AirflowSensorTimeout
    if not deferrable:
        with pytest.raises(expected):
            operator.execute(context())
        return
    event = event_of(deferred_by(operator), deadline=time.time())
    assert event["status"] == "timeout"
    with pytest.raises(expected, match="there is no vector 'none'"):
        operator.execute_complete(context(), event)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_few_failed_looks_are_tolerated(index: DevServer, deferrable: bool) -> None:
    operator = sensor(namespace="ns", deferrable=deferrable)
    index.faults.add(Fault(kind="status", status=503, times=3, command="info"))
    if deferrable:
        assert event_of(deferred_by(operator))["status"] == "met"
    else:
        operator.execute(context())


def test_permanent_errors_fail_at_once(index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=401, times=100))
    with pytest.raises(AirflowFailException, match="401"):
        sensor().execute(context())
    index.faults.clear()
    deferred = deferred_by(sensor(vector_id="none", deferrable=True))
    index.faults.add(Fault(kind="status", status=401, times=100))
    event = event_of(deferred)
    assert (event["status"], event["permanent"]) == ("failed", True)
    with pytest.raises(AirflowFailException, match="401"):
        sensor().execute_complete(context(), event)


def test_too_many_failed_looks_leave_the_task_to_its_retries(index: DevServer) -> None:
    deferred = deferred_by(sensor(vector_id="none", deferrable=True))
    index.faults.add(Fault(kind="status", status=503, times=100))
    event = event_of(deferred)
    with pytest.raises(AirflowException, match="6 looks in a row have failed") as raised:
        sensor().execute_complete(context(), event)
    assert not isinstance(raised.value, AirflowFailException)


def test_what_a_trigger_carries(index: DevServer) -> None:
    operator = sensor(namespace="ns", vector_id="a", metadata={"no": 1}, poke_interval=2, deferrable=True)
    before = time.time()
    deferred = deferred_by(operator)
    _, arguments = deferred.trigger.serialize()
    assert before + 100 <= arguments.pop("deadline") <= time.time() + 100
    assert arguments == {
        "upstash_vector_conn_id": "upstash_vector_default",
        "namespace": "ns",
        "vector_id": "a",
        "metadata": {"no": 1},
        "poke_interval": 2.0,
        "first_poll_seconds": 10.0,
        "most_failed_polls": 5,
    }
    assert index.token not in str(deferred.trigger.serialize())


@pytest.mark.parametrize("arguments", [{"whole_index": True, "vector_id": "a"}, {"metadata": {}}])
def test_arguments_that_make_no_sense_together(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is given"):
        sensor(**arguments)


WRITERS: dict[str, tuple[type[Any], dict[str, Any], Any]] = {
    "one": (UpdateVectorOperator, {"vector_id": "a", "data": "new"}, 1),
    "bulk": (BulkUpdateVectorsOperator, {"rows": [{"id": "a", "data": "new"}]}, {"updated": 1}),
}


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("kind", "arguments", "result"), WRITERS.values(), ids=WRITERS)
def test_operators_wait_until_their_writes_are_indexed(
    index: DevServer, kind: type[Any], arguments: dict[str, Any], result: Any, deferrable: bool
) -> None:
    options = {"wait_until_indexed": True, "poke_interval": 0.05, "deferrable": deferrable}
    operator = made(kind, **arguments, **options, namespace="ns")
    if deferrable:
        deferred = deferred_by(operator)
        asset, nothing = upstash_vector_asset(index.url, "ns"), upstash_vector_asset(index.url, "other")
        operator = made(kind, **arguments, **options, namespace="ns", outlets=[asset, nothing])
        events = OutletEvents()
        again = {**context(), "outlet_events": events.accessors}
        back = json.loads(json.dumps(deferred.kwargs))
        returned = operator.execute_complete(again, event_of(deferred), **back)
        assert operator.outlets == [asset]
        assert {uri: extra["updated"] for uri, extra in events.extras().items()} == {asset.uri: 1}
        assert operator.written() == back["written"]
    else:
        returned = operator.execute(context())
    assert returned == result or returned.items() >= result.items()
    looks_before = int(kind is BulkUpdateVectorsOperator)  # whether the rows fit the index
    assert index.requests["info"] == looks_before + PENDING_LOOKS + 1
    with VectorClient(Endpoint.of(index.url, index.token)) as client:
        assert client.info().pending_vector_count == 0
    assert index.requests["update"] == 1


def test_nothing_is_waited_for_where_nothing_was_updated(index: DevServer) -> None:
    made(UpdateVectorOperator, vector_id="none", data="x", wait_until_indexed=True).execute(context())
    assert "info" not in index.requests


def test_a_wait_that_is_too_long_fails(index: DevServer) -> None:
    operator = made(
        UpdateVectorOperator,
        vector_id="a",
        data="x",
        namespace="ns",
        wait_until_indexed=True,
        wait_timeout=0.2,
        poke_interval=0.1,
    )
    index._index._pending._clock = lambda: 0.0  # it stands still
    with pytest.raises(AirflowSensorTimeout, match="1 vectors of namespace 'ns' are pending"):
        operator.execute(context())


def test_the_interval_of_a_wait_is_never_nothing() -> None:
    assert waiting.Wait(poke_interval=0).poller(None) is not None
