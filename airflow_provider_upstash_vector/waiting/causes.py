"""What is kept of an error that ended a wait, so that a retry policy can decide by it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    QuotaExceeded,
    RateLimited,
    UpstashVectorError,
)

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
        kind, status, told = _ERRORS[self.kind]
        return kind(status, told, self.retry_after)
