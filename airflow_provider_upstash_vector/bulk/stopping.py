"""Work that ends when its run is cancelled, or at the time limit of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.cancellation import CancelToken

T = TypeVar("T")


class Stopped(Exception):
    """The run is stopped before or after it sends."""

    def __init__(self, stop_reason: StopReason) -> None:
        super().__init__(stop_reason)
        self.stop_reason = stop_reason


async def unless_stopped(work: Coroutine[Any, Any, T], token: CancelToken, limit: float | None) -> T:
    """Return the result of ``work``. Raises :class:`Stopped` on cancellation, or after ``limit`` seconds."""
    loop, cancelled = asyncio.get_running_loop(), asyncio.Event()

    def cancel() -> None:
        loop.call_soon_threadsafe(cancelled.set)

    token.add_callback(cancel)
    working, waiting = loop.create_task(work), loop.create_task(cancelled.wait())
    try:
        await asyncio.wait({working, waiting}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if limit is None or waiting.done():
            raise Stopped(stop_reasons.for_cancellation())
        raise Stopped(stop_reasons.for_time_limit(limit))
    finally:
        token.remove_callback(cancel)
        for task in (working, waiting):
            task.cancel()
        await asyncio.wait([working, waiting])
