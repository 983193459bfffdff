"""The sensor, in all its modes: against a real index in which writes are pending for a while."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from airflow_provider_upstash_vector.client.errors import RateLimited
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed
from tests.support.waiting_tasks import PENDING_LOOKS, context, deferred_by, event_of, resumed, sensor

MODES = pytest.mark.parametrize("deferrable", [False, True])


@pytest.fixture(autouse=True)
def index(slow_index: DevServer) -> DevServer:
    return slow_index


def run(**arguments: Any) -> None:
    """Run a sensor to its end, also by way of the triggerer."""
    operator = sensor(**arguments)
    if operator.deferrable:
        resumed(operator, event_of(deferred_by(operator)))
    else:
        operator.execute(context())


@pytest.mark.parametrize("place", [{"namespace": "ns"}, {"whole_index": True}])
@MODES
def test_it_waits_until_nothing_is_pending(index: DevServer, place: dict[str, Any], deferrable: bool) -> None:
    run(**place, deferrable=deferrable)
    assert index.requests["info"] == PENDING_LOOKS + 1


def test_what_is_indexed_already_is_not_deferred(index: DevServer) -> None:
    assert sensor(namespace="other", deferrable=True).execute(context()) is None
    assert index.requests["info"] == 1


def test_it_waits_for_a_vector_and_its_metadata() -> None:
    found = {"namespace": "ns", "vector_id": "a"}
    sensor(**found).execute(context())
    sensor(**found, metadata={"genre": "drama"}).execute(context())
    sensor(**found, metadata='{"year": 1999}').execute(context())
    for missing in ({"vector_id": "b"}, {"metadata": {"genre": "crime"}}, {"namespace": ""}):
        with pytest.raises(AirflowSensorTimeout):
            sensor(**{**found, **missing}, timeout=0.2).execute(context())


@MODES
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"vector_id": "{{ params.none }}"}, "vector_id: was given, but rendered to nothing"),
        ({"vector_id": "a", "metadata": "{{ params.none }}"}, "metadata: was given, but rendered to nothing"),
        ({"vector_id": "a", "metadata": "{{ '' }}"}, "metadata: was given, but rendered to nothing"),
        ({"vector_id": "a", "metadata": "[1]"}, "metadata: must be a JSON object"),
        ({"vector_id": ""}, "must not be empty"),
    ],
)
def test_what_no_vector_can_have_fails_at_once(
    index: DevServer, deferrable: bool, given: dict[str, Any], sentence: str
) -> None:
    operator = sensor({"none": None}, namespace="other", **given, deferrable=deferrable)
    with pytest.raises(AirflowFailException, match=sentence):
        operator.execute(context())
    assert not index.requests.keys() & {"info", "fetch"}


@MODES
@pytest.mark.parametrize(
    ("skips", "expected"),
    [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException), ({"never_fail": True}, None)],
    ids=["neither", "soft_fail", "never_fail"],
)
def test_a_timeout(deferrable: bool, skips: dict[str, bool], expected: type[Exception] | None) -> None:
    operator = sensor(vector_id="none", timeout=0.3, **skips, deferrable=deferrable)
    if not deferrable:
        # Airflow's own; it does not skip on a timeout with never_fail alone
        with pytest.raises(expected or AirflowSensorTimeout):
            operator.execute(context())
        return
    operator.timeout = 100
    event = event_of(deferred_by(operator), deadline=time.time())
    assert event["status"] == "timeout"
    with pytest.raises(expected or AirflowSkipException):
        resumed(operator, event)


@MODES
@pytest.mark.parametrize(
    ("status", "skips", "expected"),
    [
        (401, {}, AirflowFailException),
        (401, {"soft_fail": True}, AirflowSkipException),
        (401, {"never_fail": True}, AirflowSkipException),
        (503, {}, WaitFailed),
        (503, {"soft_fail": True}, WaitFailed),
        (503, {"never_fail": True}, AirflowSkipException),
    ],
)
def test_failures_skip_alike_in_all_modes(
    index: DevServer, deferrable: bool, status: int, skips: dict[str, bool], expected: type[Exception]
) -> None:
    operator = sensor(vector_id="none", **skips, deferrable=deferrable)
    deferred = deferred_by(operator) if deferrable else None
    index.faults.add(Fault(kind="status", status=status, times=100))
    with pytest.raises(expected):
        resumed(operator, event_of(deferred)) if deferred else operator.execute(context())


@MODES
def test_a_few_failed_looks_are_tolerated(index: DevServer, deferrable: bool) -> None:
    index.faults.add(Fault(kind="status", status=503, times=3, command="info"))
    run(namespace="ns", deferrable=deferrable)


@MODES
def test_too_many_failed_looks_leave_the_task_to_its_retries(index: DevServer, deferrable: bool) -> None:
    operator = sensor(vector_id="none", deferrable=deferrable)
    deferred = deferred_by(operator) if deferrable else None
    index.faults.add(Fault(kind="status", status=429, times=100, retry_after="0"))
    with pytest.raises(WaitFailed, match="6 looks in a row have failed") as raised:
        resumed(operator, event_of(deferred)) if deferred else operator.execute(context())
    assert isinstance(raised.value.__cause__, RateLimited)
    assert raised.value.__cause__.retry_after == 0


def test_a_rate_limit_is_left_alone(index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=429, times=1, retry_after="3600"))
    operator = sensor(namespace="other", timeout=0.5)
    with pytest.raises(AirflowSensorTimeout):
        operator.execute(context())
    assert index.requests["info"] == 1


def test_reschedule_mode_looks_once_each_time(index: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    home = sys.modules[BaseSensorOperator.__module__]
    if hasattr(home, "_orig_start_date"):  # Airflow 2 asks its database
        monkeypatch.setattr(home, "_orig_start_date", lambda **_: None)
    again = context()
    again["ti"] = SimpleNamespace(**vars(again["ti"]), get_first_reschedule_date=lambda _: None, max_tries=0)
    for looks in (1, 2):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - its class has no home that all versions share
            sensor(vector_id="none", mode="reschedule", poke_interval=3600, timeout=7200).execute(again)
        assert type(raised.value).__name__ == "AirflowRescheduleException"
        assert index.requests["fetch"] == looks
    index.faults.add(Fault(kind="status", status=401, times=100))
    with pytest.raises(AirflowFailException):
        sensor(vector_id="none", mode="reschedule").execute(again)


def test_what_a_trigger_carries(index: DevServer) -> None:
    interval = timedelta(seconds=2)
    operator = sensor(namespace="ns", vector_id="a", metadata={"no": 1}, poke_interval=interval, deferrable=True)
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
        "max_failed_checks": 5,
        "resume_data": None,
    }
    assert index.token not in str(deferred.trigger.serialize())


@pytest.mark.parametrize("arguments", [{"whole_index": True, "vector_id": "a"}, {"metadata": {}}])
def test_arguments_that_make_no_sense_together(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is given"):
        sensor(**arguments)
