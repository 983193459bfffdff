"""Conditions and the poller: pure, with the time as an argument."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    ConnectionFailed,
    InvalidRequest,
    QuotaExceeded,
    RateLimited,
    ServerError,
    Unauthorized,
)
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo
from airflow_provider_upstash_vector.polling.conditions import Indexed, Stored, condition
from airflow_provider_upstash_vector.polling.poller import Cause, Finished, KeepPolling, Poller


def info(pending: dict[str, int]) -> IndexInfo:
    return IndexInfo.model_validate(
        {
            "vectorCount": 10,
            "pendingVectorCount": sum(pending.values()),
            "indexSize": 1,
            "dimension": 2,
            "similarityFunction": "COSINE",
            "namespaces": {name: {"vectorCount": 5, "pendingVectorCount": n} for name, n in pending.items()},
        }
    )


@pytest.mark.parametrize(
    ("namespaces", "pending", "met", "message"),
    [
        (None, {"": 0, "a": 0}, True, "no vectors are pending in the index"),
        (None, {"": 0, "a": 1_234}, False, "1,234 vectors are pending in the index"),
        ([""], {"": 0, "a": 3}, True, "no vectors are pending in the default namespace"),
        (["a"], {"": 0, "a": 3}, False, "3 vectors are pending in namespace 'a'"),
        ([""], {"": 1}, False, "1 vector is pending in the default namespace"),
        (["unknown"], {"": 1}, True, "no vectors are pending in namespace 'unknown'"),
        (["", "a", "unknown"], {"": 1, "a": 3, "b": 9}, False, "4 vectors are pending in 3 namespaces"),
        (["", "a"], {"": 0, "a": 0, "b": 9}, True, "no vectors are pending in 2 namespaces"),
    ],
)
def test_pending_counts(namespaces: list[str] | None, pending: dict[str, int], met: bool, message: str) -> None:
    state = Indexed(namespaces=namespaces).state(info(pending))
    assert (state.met, state.message) == (met, message)


@pytest.mark.parametrize(
    ("expected", "metadata", "met"),
    [
        (None, None, True),
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": None}, {}, False),
        ({"a": 1}, None, False),
    ],
)
def test_a_stored_vector_with_metadata(expected: Any, metadata: Any, met: bool) -> None:
    stored = Stored(id="x", metadata=expected)
    assert stored.state([FetchedVector(id="x", metadata=metadata)]).met == met
    assert not stored.state([None]).met


def test_an_id_that_no_vector_can_have() -> None:
    with pytest.raises(InvalidRequest, match="must not be empty"):
        condition("", "", None)


def test_a_vector_is_in_one_namespace() -> None:
    assert condition("a", None, None) == Indexed(namespaces=["a"])
    assert condition(["a", "b"], None, None) == Indexed(namespaces=["a", "b"])
    with pytest.raises(InvalidRequest, match="namespace: must be a single namespace"):
        condition(["a", "b"], "x", None)


def create(**limits: Any) -> Poller:
    return Poller(limits.pop("condition", Indexed()), **{"interval_seconds": 10.0, "deadline": None, **limits})


def test_it_checks_until_the_condition_is_met() -> None:
    poller = create()
    assert poller.after_result(info({"": 2}), 0.0) == KeepPolling(10.0, "2 vectors are pending in the index")
    assert poller.after_result(info({"": 0}), 10.0) == Finished("met", "no vectors are pending in the index")


def test_the_last_check_is_at_the_deadline() -> None:
    poller = create(deadline=25.0)
    assert poller.after_result(info({"": 2}), 20.0) == KeepPolling(5.0, "2 vectors are pending in the index")
    assert poller.after_result(info({"": 2}), 25.0) == Finished(
        "timeout", "timed out: 2 vectors are pending in the index"
    )
    assert poller.after_result(info({"": 0}), 30.0) == Finished("met", "no vectors are pending in the index")


def test_after_a_write_no_pending_vectors_are_confirmed_a_second_later() -> None:
    poller = create(condition=condition(None, None, None, after_write=True), deadline=0.5)
    first = poller.after_result(info({"": 0}), 100.0)
    assert isinstance(first, KeepPolling)
    assert first.confirms
    assert 1 < first.seconds < 1.1  # after the deadline too: the wait must not time out on what was not checked
    early = poller.after_result(info({"": 0}), 100.25)
    assert isinstance(early, KeepPolling)
    assert 0.75 < early.seconds < 0.85
    assert poller.after_result(info({"": 0}), 101.0) == Finished("met", "no vectors are pending in the index")


def test_pending_vectors_after_a_write_are_waited_for() -> None:
    poller = create(condition=condition(None, None, None, after_write=True))
    poller.after_error(ServerError(503, "busy"), 0.0)  # not a response of the index
    assert poller.after_result(info({"": 0}), 10.0).confirms  # type: ignore[union-attr]  # it is not finished
    assert poller.after_result(info({"": 2}), 11.1) == KeepPolling(10.0, "2 vectors are pending in the index")
    assert poller.after_result(info({"": 0}), 21.1) == Finished("met", "no vectors are pending in the index")


def test_consecutive_failed_checks_are_tolerated() -> None:
    poller = create(max_failed_checks=2)
    error = ServerError(503, "busy")
    assert isinstance(poller.after_error(error, 0.0), KeepPolling)
    assert isinstance(poller.after_error(ConnectionFailed("refused"), 1.0), KeepPolling)
    assert isinstance(poller.after_result(info({"": 1}), 2.0), KeepPolling)
    assert isinstance(poller.after_error(error, 3.0), KeepPolling)
    assert isinstance(poller.after_error(QuotaExceeded(403, "Exceeded daily query limit: 10"), 4.0), KeepPolling)
    assert poller.after_error(error, 5.0) == Finished(
        "failed", "3 consecutive checks failed; last error: 503 busy"
    )


def test_the_first_check_is_no_later_than_the_deadline() -> None:
    assert create().first(3_600.0, 5.0).seconds == 3_600.0
    assert create(deadline=60.0).first(3_600.0, 5.0).seconds == 55.0
    assert create(deadline=60.0).first(3.0, 5.0).seconds == 3.0
    late = create(deadline=60.0)
    assert late.first(3_600.0, 61.0).seconds == 0.0
    assert isinstance(late.after_result(info({"": 1}), 61.0), Finished)


def test_the_next_check_waits_for_retry_after() -> None:
    poller = create(deadline=100.0)
    assert poller.after_error(RateLimited(429, "slow", 30.0), 0.0) == KeepPolling(
        30.0, "429 slow (retry after 30 s)"
    )
    assert (poller.is_throttled(29.0), poller.is_throttled(30.0)) == (True, False)
    assert isinstance(poller.after_error(RateLimited(429, "slow", 2.0), 30.0), KeepPolling)
    assert not poller.is_throttled(32.0)
    last = poller.after_error(RateLimited(429, "slow", 3_600.0), 40.0)
    assert isinstance(last, KeepPolling)
    assert last.seconds == 60.0
    assert not poller.is_throttled(100.0)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RateLimited(429, "t0k3n", 90.0), Cause("rate_limit", 90.0)),
        (RateLimited(429, "t0k3n"), Cause("rate_limit", None)),
        (QuotaExceeded(403, "Exceeded daily query limit: 10", 60.0), Cause("daily_quota", 60.0)),
        (ServerError(503, "busy", 5.0), None),
    ],
)
def test_the_cause_is_kept_for_a_retry_policy(error: ApiError, cause: Cause | None) -> None:
    finished = create(max_failed_checks=0).after_error(error, 0.0)
    assert isinstance(finished, Finished)
    assert finished.cause == cause
    if cause is not None:
        copy = Cause(**json.loads(json.dumps(asdict(cause)))).error()
        assert (type(copy), copy.status, copy.retry_after) == (type(error), error.status, error.retry_after)
        assert "t0k3n" not in str(copy)


def test_permanent_errors_end_at_once() -> None:
    assert create().after_error(Unauthorized(401, "no"), 0.0) == Finished("failed", "401 no", permanent=True)


ERRORS = [None, ServerError(500, "x"), RateLimited(429, "x"), RateLimited(429, "x", 50.0)]


@given(st.lists(st.sampled_from(ERRORS), max_size=50), st.floats(0.1, 100), st.floats(0, 1_000))
def test_every_delay_is_positive_and_ends_by_the_deadline(
    errors: list[ApiError | None], interval: float, deadline: float
) -> None:
    poller = create(interval_seconds=interval, deadline=deadline, max_failed_checks=3)
    now = poller.first(interval, 0.0).seconds
    for error in errors:
        decision = poller.after_error(error, now) if error else poller.after_result(info({"": 1}), now)
        if isinstance(decision, Finished):
            assert decision.status == "failed" or now >= deadline
            return
        assert decision.seconds > 0
        now += decision.seconds
        assert now <= deadline or now == pytest.approx(deadline)
