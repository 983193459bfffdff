"""How a run ends: how many rows it has left, and the error that says why it is no success."""

from __future__ import annotations

import asyncio

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason, for_failures
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder

_COUNTING_SECONDS = 2.0
_STOP_COUNTING_SECONDS = 0.8


async def rows_left(source: Source | AsyncSource, stop_reason: StopReason | None, next_number: int) -> int | None:
    """Return the number of rows that were not read, where there is time to count them."""
    if source.total is not None:
        return source.total - next_number
    if stop_reason is not None and stop_reason.reason == "source":
        return None
    hurry = stop_reason is not None and stop_reason.reason in {"stopped", "time_limit"}
    seconds = _STOP_COUNTING_SECONDS if hurry else _COUNTING_SECONDS
    return await asyncio.to_thread(source.count_from, next_number, seconds)


def raise_for_halt(stop_reason: StopReason, report: BulkReport) -> None:
    """Raise the error of a run that was halted."""
    retryable = stop_reason.retryable and (stop_reason.reason != "failures" or _may_succeed(report))
    raise BulkJobFailed(stop_reason.reason, stop_reason.explanation, report, retryable) from stop_reason.cause


def raise_for_failures(recorder: OutcomeRecorder, report: BulkReport) -> None:
    """Raise the error of a run that has read all rows, where too many of them have failed."""
    if recorder.too_many(report.total, all_rows=True):
        told = for_failures(recorder.failures).explanation
        raise BulkJobFailed("failures", told, report, _may_succeed(report))


def _may_succeed(report: BulkReport) -> bool:
    """Tell whether failures of a run may be none of another: rows that are rejected always are."""
    return bool(report.failed or report.missing)
