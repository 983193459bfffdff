"""When to look again and when to stop. Pure: results, errors and ``now`` in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    QuotaExceeded,
    RateLimited,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.polling.conditions import Condition

MAX_FAILED_POLLS = 5


@dataclass(frozen=True, slots=True)
class KeepPolling:
    """Look again after ``seconds``, which are 0 only for a first look at a deadline that has passed."""

    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Look no more: the condition is met, the time is over, or looking has failed for good."""

    status: Literal["met", "timeout", "failed"]
    message: str
    permanent: bool = False
    cause: Cause | None = None


PollDecision = KeepPolling | Finished


class Poller:
    """Decides for one condition.

    ``deadline`` is the moment to give up, on the clock that ``now`` is read from; ``max_failed_checks`` in a row
    are tolerated, permanent errors are not.
    """

    def __init__(
        self,
        condition: Condition,
        *,
        interval_seconds: float,
        deadline: float | None,
        max_failed_checks: int = MAX_FAILED_POLLS,
    ) -> None:
        if not interval_seconds > 0:
            raise ValueError(f"the interval must be more than 0 seconds, got {interval_seconds!r}")
        self.condition = condition
        self._interval_seconds = interval_seconds
        self._deadline = deadline
        self._most_failed_polls = max_failed_checks
        self._failed_polls = 0
        self._held_until: float | None = None

    def first(self, seconds: float, now: float) -> KeepPolling:
        """Return when to look first: after ``seconds``, and at the deadline at the latest."""
        left = seconds if self._deadline is None else max(self._deadline - now, 0.0)
        return KeepPolling(min(seconds, left), "")

    def is_held(self, now: float) -> bool:
        """Tell whether the service has asked to be left alone for longer, for who looks at times of its own."""
        return self._held_until is not None and now < self._held_until

    def after_result(self, result: Any, now: float) -> PollDecision:
        """Return what to do after the condition's request had a result."""
        self._failed_polls = 0
        state = self.condition.state(result)
        return Finished("met", state.message) if state.met else self._again(state.message, now)

    def after_error(self, error: UpstashVectorError, now: float) -> PollDecision:
        """Return what to do after it failed, the client's own retries included.

        A rate limit is left alone for as long as its Retry-After says.
        """
        self._failed_polls += 1
        if not error.retryable and not isinstance(error, QuotaExceeded):
            return Finished("failed", str(error), permanent=True)
        if self._failed_polls > self._most_failed_polls:
            message = f"{self._failed_polls} looks in a row have failed, the last with: {error}"
            return Finished("failed", message, cause=Cause.of(error))
        cancelled = error.retry_after if isinstance(error, RateLimited) else None
        decision = self._again(str(error), now, cancelled or 0.0)
        if isinstance(decision, KeepPolling) and cancelled:
            self._held_until = now + min(cancelled, decision.seconds)
        return decision

    def _again(self, message: str, now: float, at_least_seconds: float = 0.0) -> PollDecision:
        if self._deadline is not None and now >= self._deadline:
            return Finished("timeout", f"the time is over: {message}")
        seconds = max(self._interval_seconds, at_least_seconds)
        return KeepPolling(seconds if self._deadline is None else min(seconds, self._deadline - now), message)


_ERRORS: dict[str, tuple[type[ApiError], int, str]] = {
    "rate_limit": (RateLimited, 429, "too many requests for now"),
    "daily_quota": (QuotaExceeded, 403, "the daily quota is spent"),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """The kind of an error and its Retry-After in seconds: JSON values, and none of its text."""

    kind: Literal["rate_limit", "daily_quota"]
    retry_after: float | None = None

    @classmethod
    def of(cls, error: UpstashVectorError) -> Cause | None:
        """Return what is kept of an error; ``None`` for one that no policy looks at."""
        if isinstance(error, RateLimited):
            return cls("rate_limit", error.retry_after)
        if isinstance(error, QuotaExceeded):
            return cls("daily_quota", error.retry_after)
        return None

    def error(self) -> ApiError:
        """Return an error of the same kind."""
        kind, status, message = _ERRORS[self.kind]
        return kind(status, message, self.retry_after)
