"""When to look again and when to stop. Pure: results, errors and ``now`` in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_upstash_vector.client.errors import QuotaExceeded, RateLimited, UpstashVectorError
from airflow_provider_upstash_vector.waiting.causes import Cause
from airflow_provider_upstash_vector.waiting.conditions import Condition

MOST_FAILED_POLLS = 5


@dataclass(frozen=True, slots=True)
class Again:
    """Look again after ``seconds``, which are 0 only for a first look at a deadline that has passed."""

    seconds: float
    told: str


@dataclass(frozen=True, slots=True)
class End:
    """Look no more: the condition is met, the time is over, or looking has failed for good."""

    status: Literal["met", "timeout", "failed"]
    told: str
    permanent: bool = False
    cause: Cause | None = None


Decision = Again | End


class Poller:
    """Decides for one condition.

    ``deadline`` is the moment to give up, on the clock that ``now`` is read from; ``most_failed_polls`` in a row
    are tolerated, permanent errors are not.
    """

    def __init__(
        self,
        condition: Condition,
        *,
        interval_seconds: float,
        deadline: float | None,
        most_failed_polls: int = MOST_FAILED_POLLS,
    ) -> None:
        if not interval_seconds > 0:
            raise ValueError(f"the interval must be more than 0 seconds, got {interval_seconds!r}")
        self.condition = condition
        self._interval_seconds = interval_seconds
        self._deadline = deadline
        self._most_failed_polls = most_failed_polls
        self._failed_polls = 0
        self._held_until: float | None = None

    def first(self, seconds: float, now: float) -> Again:
        """Return when to look first: after ``seconds``, and at the deadline at the latest."""
        left = seconds if self._deadline is None else max(self._deadline - now, 0.0)
        return Again(min(seconds, left), "")

    def is_held(self, now: float) -> bool:
        """Tell whether the service has asked to be left alone for longer, for who looks at times of its own."""
        return self._held_until is not None and now < self._held_until

    def after_result(self, result: Any, now: float) -> Decision:
        """Return what to do after the condition's request had a result."""
        self._failed_polls = 0
        state = self.condition.state(result)
        return End("met", state.told) if state.met else self._again(state.told, now)

    def after_error(self, error: UpstashVectorError, now: float) -> Decision:
        """Return what to do after it failed, the client's own retries included.

        A rate limit is left alone for as long as its Retry-After says.
        """
        self._failed_polls += 1
        if not error.retryable and not isinstance(error, QuotaExceeded):
            return End("failed", str(error), permanent=True)
        if self._failed_polls > self._most_failed_polls:
            told = f"{self._failed_polls} looks in a row have failed, the last with: {error}"
            return End("failed", told, cause=Cause.of(error))
        asked = error.retry_after if isinstance(error, RateLimited) else None
        decision = self._again(str(error), now, asked or 0.0)
        if isinstance(decision, Again) and asked:
            self._held_until = now + min(asked, decision.seconds)
        return decision

    def _again(self, told: str, now: float, at_least_seconds: float = 0.0) -> Decision:
        if self._deadline is not None and now >= self._deadline:
            return End("timeout", f"the time is over: {told}")
        seconds = max(self._interval_seconds, at_least_seconds)
        return Again(seconds if self._deadline is None else min(seconds, self._deadline - now), told)
