from __future__ import annotations

import signal
import threading

from airflow_provider_upstash_vector.bulk import CancelToken


def test_listeners_are_told_once_asked() -> None:
    stop, told = CancelToken(), []
    stop.add_callback(lambda: told.append("a"))
    stop.add_callback(lambda: told.append("b"))
    assert not stop.cancelled
    stop.cancel()
    assert stop.cancelled
    assert told == ["a", "b"]


def test_who_listens_late_is_told_at_once() -> None:
    stop, told = CancelToken(), []
    stop.cancel()
    stop.add_callback(lambda: told.append("late"))
    assert told == ["late"]


def test_who_is_forgotten_is_not_told() -> None:
    stop, told = CancelToken(), []

    def listener() -> None:
        told.append("x")

    stop.add_callback(listener)
    stop.remove_callback(listener)
    stop.cancel()
    assert told == []


def test_another_thread_may_ask() -> None:
    stop, threads = CancelToken(), []
    stop.add_callback(lambda: threads.append(threading.get_ident()))
    asker = threading.Thread(target=stop.cancel)
    asker.start()
    asker.join(60)
    assert not asker.is_alive()
    assert threads == [asker.ident]


def test_a_signal_handler_may_ask_while_another_one_asks() -> None:
    stop, told = CancelToken(), []

    def listener() -> None:
        told.append("x")
        if len(told) < 3:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: stop.cancel())
    try:
        stop.add_callback(listener)
        stop.cancel()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == ["x"] * 3
