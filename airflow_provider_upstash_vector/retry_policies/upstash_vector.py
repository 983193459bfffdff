"""The retry policy of tasks that use Upstash Vector, for Airflow 3.3 and later.

The module can be imported on an older Airflow.
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
    except (ImportError, AttributeError):  # Airflow 3.0 raises the latter for some names of its sdk
        RetryDecision, RetryPolicy = None, object

__all__ = ["UpstashVectorRetryPolicy"]

# A task that began before midnight may fail with yesterday's error until then.
_LATE_ERROR = timedelta(minutes=5)
_CLOCK_SKEW_SECONDS = 5.0
_MAX_CAUSES = 20
_E = TypeVar("_E", bound=BaseException)


class UpstashVectorRetryPolicy(RetryPolicy):
    """Decides by the error whether and when a task is retried, within the task's ``retries``.

    - A permanent error fails the task, including in tasks that call the hook themselves.
    - After a rate limit the task is retried after its ``Retry-After``.
    - After the service's daily quota or a bulk run's ``daily_budget``, it is retried at the next 00:00 UTC.
    - After any other error, and a rate limit without a ``Retry-After``, it is retried after its ``retry_delay``.

    Raises ``RuntimeError`` on an Airflow before 3.3.

    :param jitter_seconds: up to this many seconds are added to a delay at random, but no more than the delay, so
        that tasks do not resume all at once.
    """

    def __init__(self, jitter_seconds: float = 60.0) -> None:
        if RetryDecision is None:
            raise RuntimeError("UpstashVectorRetryPolicy needs Airflow 3.3 or later: remove retry_policy")
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
        """Return whether and when to retry the task."""
        error = _cause(exception, UpstashVectorError)
        if error is None:
            return RetryDecision.default()
        if is_permanent(error):
            return RetryDecision.fail(reason=f"a retry cannot help: {error}")
        if _is_quota(error):
            return self._after(_until_midnight(context), "the daily quota is exhausted; retrying after 00:00 UTC")
        limited = _cause(error, RateLimited)
        if limited is not None and limited.retry_after is not None:
            wait = timedelta(seconds=limited.retry_after)
            return self._after(wait, f"rate limit; retrying after {limited.retry_after:,.0f} s")
        return RetryDecision.default()

    def _after(self, wait: timedelta, reason: str) -> RetryDecision:
        jitter = random.uniform(0, min(self.jitter_seconds, wait.total_seconds()))  # noqa: S311 - not a secret
        return RetryDecision.retry(delay=wait + timedelta(seconds=jitter), reason=reason)

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON values."""
        return {"__type": type(self).__name__, "jitter_seconds": self.jitter_seconds}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> UpstashVectorRetryPolicy:
        """Return the policy from its serialized form."""
        return cls(jitter_seconds=data["jitter_seconds"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UpstashVectorRetryPolicy) and other.jitter_seconds == self.jitter_seconds

    def __hash__(self) -> int:
        return hash((type(self), self.jitter_seconds))


def _cause(exception: BaseException | None, kind: type[_E]) -> _E | None:
    """Return the first error of ``kind`` in the chain of ``__cause__``."""
    seen = 0
    while exception is not None and seen < _MAX_CAUSES:
        if isinstance(exception, kind):
            return exception
        exception, seen = exception.__cause__, seen + 1
    return None


def _is_quota(error: UpstashVectorError) -> bool:
    if isinstance(error, BulkJobFailed):
        return error.reason in {"daily_quota", "daily_budget"}
    return isinstance(error, QuotaExceeded)


def _until_midnight(context: Any) -> timedelta:
    """Return the time to the next 00:00 UTC; next to none if midnight has passed since the error."""
    now = datetime.now(timezone.utc)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    started = getattr((context or {}).get("ti"), "start_date", None)
    if started is not None and started < today and now - today < _LATE_ERROR:
        return timedelta(seconds=_CLOCK_SKEW_SECONDS)
    return today + timedelta(days=1, seconds=_CLOCK_SKEW_SECONDS) - now
