"""How a run ends: how many rows it has left, and the error that says why it is no success."""

from __future__ import annotations

import asyncio

from airflow_provider_upstash_vector.bulk.books import Books
from airflow_provider_upstash_vector.bulk.errors import BulkUpdateFailed
from airflow_provider_upstash_vector.bulk.halts import Halt, for_failures
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source

_COUNTING_SECONDS = 2.0
_STOP_COUNTING_SECONDS = 0.8


async def rows_left(source: Source | AsyncSource, halt: Halt | None, next_number: int) -> int | None:
    """Return the number of rows that were not read, where there is time to count them."""
    if source.total is not None:
        return source.total - next_number
    if halt is not None and halt.reason == "source":
        return None
    hurry = halt is not None and halt.reason in {"stopped", "time_limit"}
    seconds = _STOP_COUNTING_SECONDS if hurry else _COUNTING_SECONDS
    return await asyncio.to_thread(source.count_from, next_number, seconds)


def raise_for_halt(halt: Halt, report: BulkReport) -> None:
    """Raise the error of a run that was halted."""
    retryable = halt.retryable and (halt.reason != "failures" or _may_succeed(report))
    raise BulkUpdateFailed(halt.reason, halt.explanation, report, retryable) from halt.cause


def raise_for_failures(books: Books, report: BulkReport) -> None:
    """Raise the error of a run that has read all rows, where too many of them have failed."""
    if books.too_many(report.total, all_rows=True):
        told = for_failures(books.failures).explanation
        raise BulkUpdateFailed("failures", told, report, _may_succeed(report))


def _may_succeed(report: BulkReport) -> bool:
    """Tell whether failures of a run may be none of another: rows that are rejected always are."""
    return bool(report.failed or report.missing)
