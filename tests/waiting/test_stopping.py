"""How a wait in a worker is asked to end: from another thread, and from a signal handler amid the sleep."""

from __future__ import annotations

import signal
import threading
from typing import Any

from airflow_provider_upstash_vector.waiting.stopping import Stop

HOUR = 3600.0


def test_a_sleep_that_nobody_ends() -> None:
    assert not Stop().sleep(0.01)


def test_asked_for_before_and_during_a_sleep() -> None:
    stop = Stop()
    threading.Timer(0.05, stop.ask).start()
    assert stop.sleep(HOUR)
    assert stop.sleep(HOUR)


def test_asked_for_by_a_signal_handler_in_the_thread_that_sleeps() -> None:
    stop = Stop()

    def handle(number: int, frame: Any) -> None:
        stop.ask()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        assert stop.sleep(HOUR)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
