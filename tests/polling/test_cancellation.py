"""Cancellation of a sleep, from another thread and from a signal handler that interrupts it."""

from __future__ import annotations

import signal
import threading
from typing import Any

from airflow_provider_upstash_vector.cancellation import CancelToken

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
