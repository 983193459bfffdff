from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import RetryPolicy, errors, retry, wire
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.client.retry import Send, Wait

BUSY = wire.Response(503, {}, b"busy")
SENT = Send("/reset/ns", b"", 30.0)
GOOD = wire.Response(200, {}, b'{"result": "Success"}')


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(
    outcomes: list[retry.Outcome],
    policy: RetryPolicy,
    *,
    each_takes: float = 0.0,
    random_value: float = 1.0,
    call: wire.Call[Any] | None = None,
) -> tuple[list[Any], Any]:
    """Drive the flow with these outcomes; return its steps and its result or error."""
    clock = Clock()
    flow = retry.flow(
        call or wire.reset("ns"),
        policy,
        Redactor("s3cr3t"),
        clock=clock,
        wall_clock=lambda: 0.0,
        random_value=lambda: random_value,
    )
    steps: list[Any] = []
    rest = iter(outcomes)
    try:
        step = next(flow)
        while True:
            steps.append(step)
            if isinstance(step, Wait):
                clock.now += step.seconds
                step = flow.send(None)
            else:
                clock.now += each_takes
                step = flow.send(next(rest))
    except StopIteration as end:
        return steps, end.value
    except errors.UpstashVectorError as error:
        return steps, error


def waits(steps: list[Any]) -> list[float]:
    return [step.seconds for step in steps if isinstance(step, Wait)]


def test_a_good_response_ends_the_call() -> None:
    assert drive([GOOD], RetryPolicy()) == ([SENT], None)


def test_five_attempts_with_a_doubling_backoff() -> None:
    steps, error = drive([BUSY] * 5, RetryPolicy())
    assert waits(steps) == [0.5, 1.0, 2.0, 4.0]
    assert isinstance(error, errors.ServerError)
    assert error.attempts == 5
    assert str(error) == "reset in namespace 'ns': 503 busy (after 5 attempts)"


def test_the_backoff_stops_growing_at_eight_seconds() -> None:
    steps, _ = drive([BUSY] * 8, RetryPolicy(max_attempts=8))
    assert waits(steps) == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_jitter_is_full() -> None:
    assert waits(drive([BUSY] * 5, RetryPolicy(), random_value=0.0)[0]) == [0.0] * 4
    assert waits(drive([BUSY] * 5, RetryPolicy(), random_value=0.25)[0]) == [0.125, 0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    "outcome",
    [
        errors.ConnectionFailed("no"),
        errors.ResponseLost("cut"),
        errors.ResponseTimeout("late"),
        wire.Response(429, {}, b""),
        wire.Response(408, {}, b""),
        wire.Response(500, {}, b""),
    ],
)
def test_retryable_outcomes_are_retried(outcome: retry.Outcome) -> None:
    steps, result = drive([outcome, GOOD], RetryPolicy())
    assert [type(step) for step in steps] == [Send, Wait, Send]
    assert result is None


@pytest.mark.parametrize(
    "outcome",
    [
        wire.Response(400, {}, b""),
        wire.Response(401, {}, b""),
        wire.Response(403, {}, b'{"error": "Exceeded daily write limit: 10000"}'),
        wire.Response(404, {}, b""),
        wire.Response(301, {}, b""),
        wire.Response(200, {}, b"no JSON"),
        errors.InvalidResponse("too large"),
    ],
)
def test_other_outcomes_are_raised_immediately(outcome: retry.Outcome) -> None:
    steps, error = drive([outcome], RetryPolicy())
    assert steps == [SENT]
    assert error.attempts == 1


def test_retry_after_is_added_to_the_jitter() -> None:
    steps, _ = drive([wire.Response(429, {"retry-after": "7"}, b""), GOOD], RetryPolicy())
    assert waits(steps) == [7.5]


def test_a_retry_after_beyond_the_limit_is_raised_with_the_wait_in_it() -> None:
    steps, error = drive([wire.Response(429, {"retry-after": "121"}, b"")], RetryPolicy())
    assert waits(steps) == []
    assert error.retry_after == 121.0
    assert "retry after 121 s" in str(error)


def test_the_whole_call_ends_within_its_time() -> None:
    steps, error = drive([BUSY] * 9, RetryPolicy(max_attempts=9, total_timeout_seconds=100), each_takes=29.0)
    assert [step.timeout_seconds for step in steps if isinstance(step, Send)] == [30.0, 30.0, 30.0, 9.5]
    assert error.attempts == 4


def test_a_wait_beyond_the_total_timeout_is_not_started() -> None:
    steps, error = drive([wire.Response(503, {"retry-after": "60"}, b"")], RetryPolicy(total_timeout_seconds=60))
    assert steps == [SENT]
    assert isinstance(error, errors.ServerError)


def test_a_wait_that_took_too_long_ends_in_the_last_error() -> None:
    clock = Clock()
    flow = retry.flow(
        wire.reset(), RetryPolicy(total_timeout_seconds=10), Redactor(), clock=clock, random_value=lambda: 1.0
    )
    next(flow)
    assert isinstance(flow.send(wire.Response(429, {"retry-after": "9"}, b"")), Wait)
    clock.now = 9.95
    with pytest.raises(errors.RateLimited):
        flow.send(None)


def test_very_many_attempts_do_not_overflow() -> None:
    error = errors.ResponseLost("cut")
    wait = RetryPolicy(max_attempts=9999).wait_after(error, attempt=5000, elapsed_seconds=0, random_value=1)
    assert wait == 8.0


@pytest.mark.parametrize(
    ("outcome", "attempts"),
    [
        (errors.ConnectionFailed("no"), 2),
        (wire.Response(429, {}, b""), 2),
        (errors.ResponseLost("cut"), 1),
        (errors.ResponseTimeout("late"), 1),
        (BUSY, 1),
    ],
)
def test_a_call_that_is_not_idempotent_is_retried_only_if_it_was_not_applied(
    outcome: retry.Outcome, attempts: int
) -> None:
    steps, error = drive([outcome, outcome], RetryPolicy(max_attempts=2), call=wire.rename_namespace("a", "b"))
    assert sum(isinstance(step, Send) for step in steps) == attempts
    assert isinstance(error, errors.UpstashVectorError)


def test_a_secret_echoed_by_the_server_is_not_shown() -> None:
    _, error = drive([wire.Response(401, {}, b'{"error": "bad token s3cr3t"}')], RetryPolicy())
    assert "s3cr3t" not in str(error)


def test_a_driver_must_send_back_an_outcome() -> None:
    flow = retry.flow(wire.info(), RetryPolicy(), Redactor())
    next(flow)
    with pytest.raises(AssertionError, match="outcome of a Send is missing"):
        flow.send(None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"request_timeout_seconds": 0},
        {"connect_timeout_seconds": -1},
        {"total_timeout_seconds": float("nan")},
    ],
)
def test_invalid_limits_are_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


@given(
    st.lists(
        st.sampled_from([BUSY, GOOD, errors.ResponseLost("cut"), wire.Response(429, {"retry-after": "9"}, b"")]),
        min_size=12,
    ),
    st.integers(1, 10),
    st.floats(1.0, 400.0),
    st.floats(0.0, 1.0),
)
def test_no_call_exceeds_its_attempts_or_its_time(
    outcomes: list[retry.Outcome], attempts: int, total: float, random_value: float
) -> None:
    policy = RetryPolicy(max_attempts=attempts, total_timeout_seconds=total)
    steps, _ = drive(outcomes, policy, each_takes=0.0, random_value=random_value)
    assert sum(isinstance(step, Send) for step in steps) <= attempts
    assert sum(waits(steps)) <= total
    assert all(step.timeout_seconds > 0 for step in steps if isinstance(step, Send))
