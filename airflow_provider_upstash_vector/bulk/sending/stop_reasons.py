"""What ends a run before its input does. Pure: an error or a number in, a reason to stop or ``None`` out."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_upstash_vector.bulk.errors import Reason
from airflow_provider_upstash_vector.bulk.tracking.digest import RowsChanged
from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    QuotaExceeded,
    RateLimited,
    Unauthorized,
    UpstashVectorError,
)

_MAX_SECONDS_OF_REFUSALS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """A reason to stop. ``retryable``: whether another run can get further."""

    reason: Reason
    explanation: str
    retryable: bool = True
    cause: BaseException | None = None


def for_error(error: UpstashVectorError, *, answered: int) -> StopReason | None:
    """Return the halt for an error that concerns every row: ``answered`` rows were answered well before."""
    if isinstance(error, QuotaExceeded):
        return StopReason(reason="daily_quota", explanation=str(error), cause=error)
    if isinstance(error, Unauthorized):
        return StopReason(reason="error", explanation=str(error), retryable=False, cause=error)
    if isinstance(error, ConnectionFailed) and not answered:
        return StopReason(reason="error", explanation=str(error), cause=error)
    return None


def for_refusal(
    error: RateLimited, *, seconds_refused: float, max_retry_after_seconds: float
) -> StopReason | None:
    """Return the halt for a 429 that asks for too long a wait, or comes after too many others."""
    wait = error.retry_after or 0.0
    if wait > max_retry_after_seconds:
        told = f"the service asks to wait for {wait:,.0f} s"
    elif seconds_refused > _MAX_SECONDS_OF_REFUSALS:
        told = f"nothing but 429 for {seconds_refused:,.0f} s"
    else:
        return None
    return StopReason(reason="rate_limit", explanation=told, cause=error)


def for_failures(failures: int) -> StopReason:
    """Return the halt for more failures than are allowed."""
    return StopReason(reason="failures", explanation=f"{failures:,} failures are more than max_failures allows")


def for_changed_rows() -> StopReason:
    """Return the halt for rows that are not those of the checkpoint."""
    told = "the rows have changed since the checkpoint, which is discarded; run again to send all of them"
    return StopReason(reason="source", explanation=told, cause=RowsChanged(told))


def for_budget(requests: int | None) -> StopReason:
    """Return the halt for a budget that is spent."""
    told = f"the daily budget of {requests:,} requests is spent; it starts again at 00:00 UTC"
    return StopReason(reason="daily_budget", explanation=told)


def for_time_limit(seconds: float) -> StopReason:
    """Return the halt for a time limit that is over."""
    return StopReason(reason="time_limit", explanation=f"the time limit of {seconds:g} s is over")


def for_crash(error: BaseException) -> StopReason:
    """Return the halt for an error of the run itself."""
    return StopReason(reason="error", explanation=f"{type(error).__name__}: {error}", cause=error)
