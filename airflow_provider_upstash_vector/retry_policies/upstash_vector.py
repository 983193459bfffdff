"""When a task that uses Upstash Vector is tried again, for Airflow 3.3 and later.

On an older Airflow the module can be imported, and says so when the policy is made.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_upstash_vector.airflow_errors import is_permanent
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.client.errors import QuotaExceeded, RateLimited, UpstashVectorError

if TYPE_CHECKING:
    from airflow.sdk import RetryDecision, RetryPolicy
else:
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except (ImportError, AttributeError):  # Airflow 3.0 lacks some of its sdk's names with the latter
        RetryDecision, RetryPolicy = None, object

# How long a task that began before midnight may take to end in yesterday's error.
_LATE = timedelta(minutes=5)
# For a clock that is fast: what comes before midnight is refused.
_CLOCK_SECONDS = 5.0
_MAX_CAUSES = 20
_E = TypeVar("_E", bound=BaseException)


class UpstashVectorRetryPolicy(RetryPolicy):
    """Decides by the error: permanent ones fail at once, a rate limit and the daily quota say when to go on.

    All of it within the task's ``retries``, which no policy can exceed. On an Airflow before 3.3 it raises
    ``RuntimeError``.

    - What no retry can mend fails the task, also where a task calls the hook itself.
    - A rate limit is waited for as long as its Retry-After says.
    - The service's daily quota, and a bulk run's ``daily_budget``, are waited for until the next 00:00 UTC.
    - Everything else, and a rate limit without a Retry-After, is left to the task's ``retry_delay``.

    :param jitter_seconds: a wait is longer by a random part of this, and at most twice as long, so that tasks do
        not go on all at once; in seconds.
    """

    def __init__(self, jitter_seconds: float = 60.0) -> None:
        if RetryDecision is None:
            raise RuntimeError("UpstashVectorRetryPolicy needs Airflow 3.3 or later: leave out retry_policy")
        if not jitter_seconds >= 0:
            raise ValueError(f"jitter_seconds must be at least 0, got {jitter_seconds!r}")
        self.jitter_seconds = jitter_seconds

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow passes it
        max_tries: int,  # noqa: ARG002 - as above
        context: Any = None,
    ) -> RetryDecision:
        """Return whether and when the task is tried again."""
        error = _cause(exception, UpstashVectorError)
        if error is None:
            return RetryDecision.default()
        if is_permanent(error):
            return RetryDecision.fail(reason=f"no retry can mend it: {error}")
        if _is_spent(error):
            return self._after(_until_midnight(context), "the day's requests are spent; again after 00:00 UTC")
        limited = _cause(error, RateLimited)
        if limited is not None and limited.retry_after is not None:
            wait = timedelta(seconds=limited.retry_after)
            return self._after(wait, f"rate limit; again after {limited.retry_after:,.0f} s")
        return RetryDecision.default()

    def _after(self, wait: timedelta, reason: str) -> RetryDecision:
        jitter = random.uniform(0, min(self.jitter_seconds, wait.total_seconds()))  # noqa: S311 - no secret
        return RetryDecision.retry(delay=wait + timedelta(seconds=jitter), reason=reason)

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON values."""
        return {"__type": type(self).__name__, "jitter_seconds": self.jitter_seconds}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> UpstashVectorRetryPolicy:
        """Return the policy that was serialized."""
        return cls(jitter_seconds=data["jitter_seconds"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UpstashVectorRetryPolicy) and other.jitter_seconds == self.jitter_seconds

    def __hash__(self) -> int:
        return hash((type(self), self.jitter_seconds))


def _cause(exception: BaseException | None, kind: type[_E]) -> _E | None:
    """Return the first of ``kind`` among an error and what it was raised from."""
    seen = 0
    while exception is not None and seen < _MAX_CAUSES:
        if isinstance(exception, kind):
            return exception
        exception, seen = exception.__cause__, seen + 1
    return None


def _is_spent(error: UpstashVectorError) -> bool:
    if isinstance(error, BulkJobFailed):
        return error.reason in {"daily_quota", "daily_budget"}
    return isinstance(error, QuotaExceeded)


def _until_midnight(context: Any) -> timedelta:
    """Return the time to the next 00:00 UTC; none where it has passed since a task's error came."""
    now = datetime.now(timezone.utc)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    began = getattr((context or {}).get("ti"), "start_date", None)
    if began is not None and began < today and now - today < _LATE:
        return timedelta(seconds=_CLOCK_SECONDS)
    return today + timedelta(days=1, seconds=_CLOCK_SECONDS) - now
