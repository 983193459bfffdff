"""The decisions of ``UpstashVectorRetryPolicy``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_upstash_vector.bulk import BulkJobFailed, BulkReport, InvalidRows
from airflow_provider_upstash_vector.client import errors
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed, raise_unless_met
from airflow_provider_upstash_vector.polling.poller import Cause, Finished
from airflow_provider_upstash_vector.retry_policies import upstash_vector as module
from airflow_provider_upstash_vector.retry_policies.upstash_vector import UpstashVectorRetryPolicy

if TYPE_CHECKING:
    from airflow.sdk import RetryDecision

pytestmark = pytest.mark.needs("retry_policies")

REPORT = BulkReport(
    total=1,
    done=0,
    missing=0,
    rejected=0,
    failed=0,
    not_attempted=1,
    retries=0,
    bytes_sent=0,
    seconds=1,
    throttled_seconds=0,
)


def decide(error: BaseException, context: Any = None, jitter_seconds: float = 60.0) -> RetryDecision:
    return UpstashVectorRetryPolicy(jitter_seconds).evaluate(error, 1, 3, context)


def bulk(reason: Any, cause: Exception | None = None, *, retryable: bool = True) -> BulkJobFailed:
    error = BulkJobFailed(reason, "message", REPORT, retryable)
    error.__cause__ = cause
    return error


def wrapped(cause: Exception) -> Exception:
    error = RuntimeError("in a task of the user's own")
    error.__cause__ = cause
    return error


class Clock(datetime):
    """A clock that stands still."""

    hour_minute_second = (12, 0, 0)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime(2026, 11, 22, *cls.hour_minute_second, tzinfo=tz)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(Clock, "hour_minute_second", (12, 0, 0))
    monkeypatch.setattr(module, "datetime", Clock)
    return Clock


@pytest.mark.parametrize(
    "error",
    [
        errors.BadRequest(422, "wrong dimension"),
        errors.Unauthorized(401, "wrong token"),
        errors.InvalidRequest("vector", "must be numbers"),
        errors.InvalidEndpoint("no host"),
        InvalidRows("no such file"),
        bulk("failures", retryable=False),
        wrapped(errors.BadRequest(400, "no")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_permanent_errors_fail(error: Exception) -> None:
    decision = decide(error)
    assert decision.action.value == "fail"
    assert "a retry cannot help" in str(decision.reason)


@pytest.mark.parametrize(
    "error",
    [
        errors.RateLimited(429, "slow down", 90.0),
        bulk("rate_limit", errors.RateLimited(429, "slow down", 90.0)),
        wrapped(errors.RateLimited(429, "slow down", 90.0)),
    ],
)
def test_a_rate_limit_delays_the_retry(error: Exception) -> None:
    decision = decide(error)
    assert decision.action.value == "retry"
    assert decision.retry_delay is not None
    assert timedelta(seconds=90) <= decision.retry_delay <= timedelta(seconds=150)
    assert decide(error, jitter_seconds=0).retry_delay == timedelta(seconds=90)


def test_a_failed_wait_for_an_index() -> None:
    def failed(cause: Cause | None) -> WaitFailed:
        with pytest.raises(WaitFailed) as raised:
            raise_unless_met(Finished("failed", "6 consecutive checks failed", cause=cause))
        return raised.value

    assert decide(failed(Cause("rate_limit", 90.0)), jitter_seconds=0).retry_delay == timedelta(seconds=90)
    assert decide(failed(Cause("daily_quota"))).reason == "the daily quota is exhausted; retrying after 00:00 UTC"
    assert decide(failed(None)).action.value == "default"


def test_the_jitter_is_no_longer_than_the_delay() -> None:
    for _ in range(20):
        delay = decide(errors.RateLimited(429, "slow down", 1.0)).retry_delay
        assert delay is not None
        assert delay <= timedelta(seconds=2)


@pytest.mark.parametrize(
    "error",
    [
        errors.ServerError(503, "busy"),
        errors.ResponseLost("gone"),
        errors.ConnectionFailed("no route"),
        errors.InvalidResponse("no JSON"),
        errors.RateLimited(429, "slow down"),
        bulk("rate_limit", errors.RateLimited(429, "slow down")),
        bulk("service_unavailable", errors.ServerError(503, "busy")),
        bulk("cancelled"),
        bulk("failures"),
        bulk("error", errors.ConnectionFailed("no route")),
        ValueError("not ours"),
        KeyboardInterrupt(),
    ],
    ids=str,
)
def test_other_errors_use_the_retry_delay_of_the_task(error: BaseException) -> None:
    assert decide(error).action.value == "default"


@pytest.mark.parametrize(
    "error",
    [
        errors.QuotaExceeded(403, "Exceeded daily update limit", 43_200.0),
        bulk("daily_quota", errors.QuotaExceeded(403, "Exceeded daily update limit", 43_200.0)),
        bulk("daily_budget"),
        wrapped(errors.QuotaExceeded(403, "Exceeded daily update limit")),
    ],
)
def test_the_daily_quota_delays_the_retry_until_after_midnight(clock: type[Clock], error: Exception) -> None:
    for _ in range(20):
        delay = decide(error).retry_delay
        assert delay is not None
        assert timedelta(hours=12) < delay < timedelta(hours=12, seconds=66)
    assert decide(error, jitter_seconds=0).action.value == "retry"


@pytest.mark.parametrize(
    ("started", "now", "delay_hours"),
    [
        ((21, 23, 59), (0, 1, 0), 0),  # yesterday's error, raised a minute late
        ((22, 0, 0), (0, 1, 0), 24),  # today's
        ((21, 23, 59), (0, 6, 0), 24),  # today's quota is exhausted as well
    ],
)
def test_an_error_of_yesterday_does_not_cost_a_day(
    clock: type[Clock],
    monkeypatch: pytest.MonkeyPatch,
    started: tuple[int, int, int],
    now: tuple[int, int, int],
    delay_hours: int,
) -> None:
    monkeypatch.setattr(clock, "hour_minute_second", now)
    start = datetime(2026, 11, *started, tzinfo=timezone.utc)
    delay = decide(bulk("daily_budget"), {"ti": SimpleNamespace(start_date=start)}).retry_delay
    assert delay is not None
    assert abs(delay - timedelta(hours=delay_hours)) < timedelta(minutes=7)


def test_circular_causes_end() -> None:
    error = RuntimeError()
    error.__cause__ = error
    assert decide(error).action.value == "default"


@pytest.mark.parametrize("jitter", [-1, float("nan")])
def test_an_invalid_jitter_breaks_the_dag(jitter: float) -> None:
    with pytest.raises(ValueError, match="jitter_seconds must be at least 0"):
        UpstashVectorRetryPolicy(jitter)
