"""Cancellation of a sleep and of a wait, from another thread and from a signal handler that interrupts it."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

import pytest

from airflow_provider_upstash_vector.cancellation import CancelToken, wait_at_most

HOUR = 3600.0


def test_a_sleep_without_cancellation() -> None:
    assert not CancelToken().sleep(0.01)


def test_cancellation_before_and_during_a_sleep() -> None:
    token = CancelToken()
    threading.Timer(0.05, token.cancel).start()
    assert token.sleep(HOUR)
    assert token.sleep(HOUR)


def test_cancellation_by_a_signal_handler_in_the_sleeping_thread() -> None:
    token = CancelToken()

    def handle(number: int, frame: Any) -> None:
        token.cancel()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert token.sleep(HOUR)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("iterations", range(4))
def test_no_cancellation_is_lost_as_what_is_waited_for_happens(iterations: int) -> None:
    async def run() -> None:
        event = asyncio.Event()

        async def wait() -> None:
            await wait_at_most(event, 60)
            await asyncio.sleep(60)

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0.01)
        event.set()
        for _ in range(iterations):
            await asyncio.sleep(0)
        waiting.cancel()
        done, _ = await asyncio.wait([waiting], timeout=5)
        assert done == {waiting}

    asyncio.run(run())
