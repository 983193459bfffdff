from __future__ import annotations

import signal
import threading

from airflow_provider_upstash_vector.bulk import BulkStop


def test_listeners_are_told_once_asked() -> None:
    stop, told = BulkStop(), []
    stop.listen(lambda: told.append("a"))
    stop.listen(lambda: told.append("b"))
    assert not stop.asked
    stop.ask()
    assert stop.asked
    assert told == ["a", "b"]


def test_who_listens_late_is_told_at_once() -> None:
    stop, told = BulkStop(), []
    stop.ask()
    stop.listen(lambda: told.append("late"))
    assert told == ["late"]


def test_who_is_forgotten_is_not_told() -> None:
    stop, told = BulkStop(), []

    def listener() -> None:
        told.append("x")

    stop.listen(listener)
    stop.forget(listener)
    stop.ask()
    assert told == []


def test_another_thread_may_ask() -> None:
    stop, threads = BulkStop(), []
    stop.listen(lambda: threads.append(threading.get_ident()))
    asker = threading.Thread(target=stop.ask)
    asker.start()
    asker.join()
    assert threads == [asker.ident]


def test_a_signal_handler_may_ask_while_another_one_asks() -> None:
    stop, told = BulkStop(), []

    def listener() -> None:
        told.append("x")
        if len(told) < 3:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: stop.ask())
    try:
        stop.listen(listener)
        stop.ask()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == ["x"] * 3
