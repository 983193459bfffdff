"""What is waited for, and when to look again: pure, with the time as an argument."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client.errors import (
    ConnectFailed,
    InvalidUpdate,
    QuotaExceeded,
    ServerError,
    Unauthorized,
)
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo
from airflow_provider_upstash_vector.waiting.conditions import Indexed, Stored, condition
from airflow_provider_upstash_vector.waiting.poller import Again, End, Poller


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
    ("namespace", "pending", "met", "told"),
    [
        (None, {"": 0, "a": 0}, True, "nothing is pending in the index"),
        (None, {"": 0, "a": 1_234}, False, "1,234 vectors of the index are pending"),
        ("", {"": 0, "a": 3}, True, "nothing is pending in the default namespace"),
        ("a", {"": 0, "a": 3}, False, "3 vectors of namespace 'a' are pending"),
        ("unknown", {"": 1}, True, "nothing is pending in namespace 'unknown'"),
    ],
)
def test_pending_counts(namespace: str | None, pending: dict[str, int], met: bool, told: str) -> None:
    state = Indexed(namespace=namespace).state(info(pending))
    assert (state.met, state.told) == (met, told)


@pytest.mark.parametrize(
    ("wanted", "metadata", "met"),
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
def test_a_stored_vector_with_metadata(wanted: Any, metadata: Any, met: bool) -> None:
    waited = Stored(id="x", metadata=wanted)
    assert waited.state([FetchedVector(id="x", metadata=metadata)]).met == met
    assert not waited.state([None]).met


def test_an_id_that_no_vector_can_have() -> None:
    with pytest.raises(InvalidUpdate, match="must not be empty"):
        condition("", "", None)


def poller(**limits: Any) -> Poller:
    return Poller(Indexed(), **{"interval_seconds": 10.0, "deadline": None, **limits})


def test_it_looks_again_until_the_condition_is_met() -> None:
    one = poller()
    assert one.after_result(info({"": 2}), 0.0) == Again(10.0, "2 vectors of the index are pending")
    assert one.after_result(info({"": 0}), 10.0) == End("met", "nothing is pending in the index")


def test_the_last_look_is_at_the_deadline() -> None:
    one = poller(deadline=25.0)
    assert one.after_result(info({"": 2}), 20.0) == Again(5.0, "2 vectors of the index are pending")
    assert one.after_result(info({"": 2}), 25.0) == End(
        "timeout", "the time is over: 2 vectors of the index are pending"
    )
    assert one.after_result(info({"": 0}), 30.0) == End("met", "nothing is pending in the index")


def test_failed_looks_in_a_row_are_tolerated() -> None:
    one = poller(most_failed_polls=2)
    error = ServerError(503, "busy")
    assert isinstance(one.after_error(error, 0.0), Again)
    assert isinstance(one.after_error(ConnectFailed("refused"), 1.0), Again)
    assert isinstance(one.after_result(info({"": 1}), 2.0), Again)
    assert isinstance(one.after_error(error, 3.0), Again)
    assert isinstance(one.after_error(QuotaExceeded(403, "Exceeded daily query limit: 10"), 4.0), Again)
    assert one.after_error(error, 5.0) == End("failed", "3 looks in a row have failed, the last with: 503 busy")


def test_permanent_errors_end_at_once() -> None:
    assert poller().after_error(Unauthorized(401, "no"), 0.0) == End("failed", "401 no", permanent=True)


@given(st.lists(st.booleans(), max_size=50), st.floats(0.1, 100), st.floats(0, 1_000))
def test_every_wait_is_positive_and_ends_by_the_deadline(
    failing: list[bool], interval: float, deadline: float
) -> None:
    one = poller(interval_seconds=interval, deadline=deadline, most_failed_polls=3)
    now = 0.0
    for fails in failing:
        decision = one.after_error(ServerError(500, "x"), now) if fails else one.after_result(info({"": 1}), now)
        if isinstance(decision, End):
            assert decision.status == "failed" or now >= deadline
            return
        assert decision.seconds > 0
        now += decision.seconds
        assert now <= deadline or now == pytest.approx(deadline)
