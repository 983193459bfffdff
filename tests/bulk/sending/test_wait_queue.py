"""Timers of workers that wait."""

from __future__ import annotations

import asyncio

from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue


def test_an_earlier_timer_replaces_one_for_a_hold_that_has_ended() -> None:
    async def main() -> None:
        queue = WorkerWaitQueue()
        queue.wake_after(3_600.0)
        queue.wake_after(0.001)
        queue.wake_after(3_600.0)
        await asyncio.wait_for(queue.wait(), 60)
        queue.close()

    asyncio.run(main())
