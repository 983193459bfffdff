"""How a wait in a worker is asked to end: from another thread, and from a signal handler amid the sleep."""

from __future__ import annotations

import signal
import threading
from typing import Any

from airflow_provider_upstash_vector.cancellation import CancelToken

HOUR = 3600.0


def test_a_sleep_that_nobody_ends() -> None:
    assert not CancelToken().sleep(0.01)


def test_asked_for_before_and_during_a_sleep() -> None:
    stop = CancelToken()
    threading.Timer(0.05, stop.cancel).start()
    assert stop.sleep(HOUR)
    assert stop.sleep(HOUR)


def test_asked_for_by_a_signal_handler_in_the_thread_that_sleeps() -> None:
    stop = CancelToken()

    def handle(number: int, frame: Any) -> None:
        stop.cancel()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert stop.sleep(HOUR)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
