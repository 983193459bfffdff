"""When to check an index again, and when to stop. Pure: results, errors and ``now`` in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    QuotaExceeded,
    RateLimited,
    TokenRejected,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.polling.conditions import Condition

MAX_FAILED_CHECKS = 5
# by how much a sleep may seem shorter on the clock of `now`
_CLOCK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class KeepPolling:
    """Check again after ``seconds``; 0 only for a first check whose deadline has passed.

    ``confirms`` is whether the condition was met, and the next check only confirms that.
    """

    seconds: float
    message: str
    confirms: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """Stop: the condition is met, the deadline has passed, or the checks have failed."""

    status: Literal["met", "timeout", "failed"]
    message: str
    permanent: bool = False
    cause: Cause | None = None


PollDecision = KeepPolling | Finished


class Poller:
    """Decides after each check of one condition.

    ``deadline`` is a time on the clock of ``now``. ``max_failed_checks`` consecutive failures are tolerated; a
    permanent error ends the polling at once. A condition that has to be confirmed is met by a result that comes
    its ``confirm_seconds`` after the first one, which may be after the deadline.
    """

    def __init__(
        self,
        condition: Condition,
        *,
        interval_seconds: float,
        deadline: float | None,
        max_failed_checks: int = MAX_FAILED_CHECKS,
    ) -> None:
        if not interval_seconds > 0:
            raise ValueError(f"interval_seconds must be more than 0, got {interval_seconds!r}")
        self.condition = condition
        self._interval_seconds = interval_seconds
        self._deadline = deadline
        self._max_failed_checks = max_failed_checks
        self._failed_checks = 0
        self._confirmed_from: float | None = None
        self._throttled_until: float | None = None

    def first(self, seconds: float, now: float) -> KeepPolling:
        """Return when to check first: after ``seconds``, but no later than the deadline."""
        left = seconds if self._deadline is None else max(self._deadline - now, 0.0)
        return KeepPolling(min(seconds, left), "")

    def is_throttled(self, now: float) -> bool:
        """Return whether a ``Retry-After`` has not passed yet, for callers with a schedule of their own."""
        return self._throttled_until is not None and now < self._throttled_until

    def after_result(self, result: Any, now: float) -> PollDecision:
        """Return the decision after a check with a result."""
        self._failed_checks = 0
        state = self.condition.state(result)
        if self._confirmed_from is None:
            self._confirmed_from = now + self.condition.confirm_seconds
        if not state.met:
            return self._keep_polling(state.message, now)
        if now < self._confirmed_from:
            return KeepPolling(self._confirmed_from - now + _CLOCK_SECONDS, state.message, confirms=True)
        return Finished("met", state.message)

    def after_error(self, error: UpstashVectorError, now: float) -> PollDecision:
        """Return the decision after a check that failed, the client's own retries included.

        After a 429 the next check waits for its ``Retry-After``.
        """
        self._failed_checks += 1
        if not error.retryable and not isinstance(error, QuotaExceeded | TokenRejected):
            return Finished("failed", str(error), permanent=True)
        if self._failed_checks > self._max_failed_checks:
            message = f"{self._failed_checks} consecutive checks failed; last error: {error}"
            return Finished("failed", message, cause=Cause.of(error))
        retry_after = error.retry_after if isinstance(error, RateLimited) else None
        decision = self._keep_polling(str(error), now, retry_after or 0.0)
        if isinstance(decision, KeepPolling) and retry_after:
            self._throttled_until = now + min(retry_after, decision.seconds)
        return decision

    def _keep_polling(self, message: str, now: float, at_least_seconds: float = 0.0) -> PollDecision:
        if self._deadline is not None and now >= self._deadline:
            return Finished("timeout", f"timed out: {message}")
        seconds = max(self._interval_seconds, at_least_seconds)
        return KeepPolling(seconds if self._deadline is None else min(seconds, self._deadline - now), message)


_ERRORS: dict[str, tuple[type[ApiError], int, str]] = {
    "rate_limit": (RateLimited, 429, "too many requests"),
    "daily_quota": (QuotaExceeded, 403, "the daily quota is exhausted"),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """The kind of an error and its ``Retry-After`` in seconds: JSON values, without the error's text."""

    kind: Literal["rate_limit", "daily_quota"]
    retry_after: float | None = None

    @classmethod
    def of(cls, error: UpstashVectorError) -> Cause | None:
        """Return the cause of an error; ``None`` for one that no retry policy handles."""
        if isinstance(error, RateLimited):
            return cls("rate_limit", error.retry_after)
        if isinstance(error, QuotaExceeded):
            return cls("daily_quota", error.retry_after)
        return None

    def error(self) -> ApiError:
        """Return an error of the same kind."""
        kind, status, message = _ERRORS[self.kind]
        return kind(status, message, self.retry_after)
