"""The sensor in all its modes, against an index in which writes are pending for a while."""

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
from tests.support.waiting_tasks import PENDING_CHECKS, context, defer, resume, run_trigger, sensor

MODES = pytest.mark.parametrize("deferrable", [False, True])


@pytest.fixture(autouse=True)
def index(slow_index: DevServer) -> DevServer:
    return slow_index


def run(**arguments: Any) -> None:
    """Run a sensor to its end, in the triggerer if it is deferrable."""
    operator = sensor(**arguments)
    if operator.deferrable:
        resume(operator, run_trigger(defer(operator)))
    else:
        operator.execute(context())


@pytest.mark.parametrize("place", [{"namespace": "ns"}, {"whole_index": True}])
@MODES
def test_it_waits_until_no_vectors_are_pending(index: DevServer, place: dict[str, Any], deferrable: bool) -> None:
    run(**place, deferrable=deferrable)
    assert index.requests["info"] == PENDING_CHECKS + 1


def test_an_indexed_namespace_is_not_deferred(index: DevServer) -> None:
    assert sensor(namespace="other", deferrable=True).execute(context()) is None
    assert index.requests["info"] == 1


def test_it_waits_for_a_vector_and_its_metadata() -> None:
    vector = {"namespace": "ns", "vector_id": "a"}
    sensor(**vector).execute(context())
    sensor(**vector, metadata={"genre": "drama"}).execute(context())
    sensor(**vector, metadata='{"year": 1999}').execute(context())
    for missing in ({"vector_id": "b"}, {"metadata": {"genre": "crime"}}, {"namespace": ""}):
        with pytest.raises(AirflowSensorTimeout):
            sensor(**{**vector, **missing}, timeout=0.2).execute(context())


@MODES
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vector_id": "{{ params.none }}"}, "vector_id: is set, but rendered to an empty value"),
        ({"vector_id": "a", "metadata": "{{ params.none }}"}, "metadata: is set, but rendered to an empty value"),
        ({"vector_id": "a", "metadata": "{{ '' }}"}, "metadata: is set, but rendered to an empty value"),
        ({"vector_id": "a", "metadata": "[1]"}, "metadata: must be a JSON object"),
        ({"vector_id": ""}, "must not be empty"),
    ],
)
def test_invalid_fields_fail_at_once(
    index: DevServer, deferrable: bool, arguments: dict[str, Any], message: str
) -> None:
    operator = sensor({"none": None}, namespace="other", **arguments, deferrable=deferrable)
    with pytest.raises(AirflowFailException, match=message):
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
    event = run_trigger(defer(operator), deadline=time.time())
    assert event["status"] == "timeout"
    with pytest.raises(expected or AirflowSkipException):
        resume(operator, event)


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
def test_failures_skip_in_the_same_way_in_all_modes(
    index: DevServer, deferrable: bool, status: int, skips: dict[str, bool], expected: type[Exception]
) -> None:
    operator = sensor(vector_id="none", **skips, deferrable=deferrable)
    deferred = defer(operator) if deferrable else None
    index.faults.add(Fault(kind="status", status=status, times=100))
    with pytest.raises(expected):
        resume(operator, run_trigger(deferred)) if deferred else operator.execute(context())


@MODES
def test_a_few_failed_checks_are_tolerated(index: DevServer, deferrable: bool) -> None:
    index.faults.add(Fault(kind="status", status=503, times=3, command="info"))
    run(namespace="ns", deferrable=deferrable)


@MODES
def test_too_many_failed_checks_leave_the_task_to_its_retries(index: DevServer, deferrable: bool) -> None:
    operator = sensor(vector_id="none", deferrable=deferrable)
    deferred = defer(operator) if deferrable else None
    index.faults.add(Fault(kind="status", status=429, times=100, retry_after="0"))
    with pytest.raises(WaitFailed, match="6 consecutive checks failed") as raised:
        resume(operator, run_trigger(deferred)) if deferred else operator.execute(context())
    assert isinstance(raised.value.__cause__, RateLimited)
    assert raised.value.__cause__.retry_after == 0


def test_no_request_is_sent_before_retry_after(index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=429, times=1, retry_after="3600"))
    operator = sensor(namespace="other", timeout=0.5)
    with pytest.raises(AirflowSensorTimeout):
        operator.execute(context())
    assert index.requests["info"] == 1


def test_reschedule_mode_checks_once_each_time(index: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[BaseSensorOperator.__module__]
    if hasattr(module, "_orig_start_date"):  # Airflow 2 reads its database
        monkeypatch.setattr(module, "_orig_start_date", lambda **_: None)
    task_context = context()
    task_context["ti"] = SimpleNamespace(
        **vars(task_context["ti"]), get_first_reschedule_date=lambda _: None, max_tries=0
    )
    for checks in (1, 2):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - the import path of its class differs between versions
            sensor(vector_id="none", mode="reschedule", poke_interval=3600, timeout=7200).execute(task_context)
        assert type(raised.value).__name__ == "AirflowRescheduleException"
        assert index.requests["fetch"] == checks
    index.faults.add(Fault(kind="status", status=401, times=100))
    with pytest.raises(AirflowFailException):
        sensor(vector_id="none", mode="reschedule").execute(task_context)


def test_the_arguments_of_the_trigger(index: DevServer) -> None:
    interval = timedelta(seconds=2)
    operator = sensor(namespace="ns", vector_id="a", metadata={"no": 1}, poke_interval=interval, deferrable=True)
    before = time.time()
    deferred = defer(operator)
    _, arguments = deferred.trigger.serialize()
    assert before + 100 <= arguments.pop("deadline") <= time.time() + 100
    assert arguments == {
        "upstash_vector_conn_id": "upstash_vector_default",
        "namespace": "ns",
        "vector_id": "a",
        "metadata": {"no": 1},
        "poke_interval": 2.0,
        "first_check_seconds": 10.0,
        "max_failed_checks": 5,
        "resume_data": None,
        "after_write": False,
    }
    assert index.token not in str(deferred.trigger.serialize())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"whole_index": True, "vector_id": "a"}, "whole_index and vector_id are mutually exclusive"),
        ({"metadata": {}}, "metadata requires vector_id"),
    ],
)
def test_arguments_that_exclude_each_other(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sensor(**arguments)
