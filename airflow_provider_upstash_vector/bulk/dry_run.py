"""A dry run: every row is read and validated, and nothing is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.base import Operation, TextFragment
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.overwrite_check import OverwriteCheck
from airflow_provider_upstash_vector.bulk.sending.prefetch import open_prefetcher
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sources import END, PENDING, AsyncSource, Source
from airflow_provider_upstash_vector.bulk.sources.base import items_read, read_requests
from airflow_provider_upstash_vector.bulk.tracking.recorder import NumberedRow, OutcomeRecorder
from airflow_provider_upstash_vector.cancellation import CancelToken, wait_at_most
from airflow_provider_upstash_vector.client.errors import InvalidRequest

_ROWS_AT_ONCE = 1_000
_TICK_SECONDS = 0.25


async def check_rows(
    source: Source | AsyncSource,
    operation: Operation,
    recorder: OutcomeRecorder,
    *,
    overwrite_check: OverwriteCheck | None,
    embeds: bool,
    cancel_token: CancelToken,
    time_limit_seconds: float | None,
) -> tuple[BulkReport, StopReason | None]:
    """Return the report of what would be sent, and the reason if the run stopped early."""
    started = time.monotonic()
    woken = asyncio.Event()
    prefetcher = open_prefetcher(source, 0, woken.set)
    rows = size = texts = 0

    def stop_reason_now() -> StopReason | None:
        return _stop_reason(cancel_token, time_limit_seconds, time.monotonic() - started)

    try:
        while (stop_reason := stop_reason_now()) is None:
            polled = prefetcher.poll()
            if polled is END:
                break
            if polled is PENDING:
                await wait_at_most(woken, _TICK_SECONDS)
                woken.clear()
                continue
            value, file, place = polled
            try:
                encoded = operation.encode(value)
            except InvalidRequest as error:
                recorder.count_unsent_rejection(NumberedRow(rows, value, file, place), error)
            else:
                size += len(encoded.fragment)
                texts += isinstance(encoded.fragment, TextFragment)
                if overwrite_check is not None and not overwrite_check.done:
                    await _unless(stop_reason_now, overwrite_check.before([encoded]))
            rows += 1
            if rows % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
    finally:
        await prefetcher.close()
    report = recorder.report(
        total=rows,
        all_read=stop_reason is None,
        dry_run=True,
        embedded=texts if embeds else None,
        retries=0,
        bytes_sent=size,
        reads=read_requests(source) + (0 if overwrite_check is None else overwrite_check.reads),
        seconds=time.monotonic() - started,
        throttled_seconds=0.0,
        read=items_read(source),
    )
    return report, stop_reason


async def _unless(stopping: Callable[[], object], work: Coroutine[Any, Any, None]) -> None:
    """Wait for ``work``, which is cancelled if the run is to stop."""
    working = asyncio.create_task(work)
    try:
        while not working.done() and not stopping():
            await asyncio.wait([working], timeout=_TICK_SECONDS)
    finally:
        working.cancel()
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()


def _stop_reason(cancel_token: CancelToken, time_limit_seconds: float | None, seconds: float) -> StopReason | None:
    if cancel_token.cancelled:
        return stop_reasons.for_cancellation("dry run")
    if time_limit_seconds is not None and seconds >= time_limit_seconds:
        return stop_reasons.for_time_limit(time_limit_seconds)
    return None
