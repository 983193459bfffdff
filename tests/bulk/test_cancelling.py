from __future__ import annotations

import signal
import threading

from airflow_provider_upstash_vector.bulk import CancelToken


def test_listeners_are_told_once_asked() -> None:
    cancel_token, told = CancelToken(), []
    cancel_token.add_callback(lambda: told.append("a"))
    cancel_token.add_callback(lambda: told.append("b"))
    assert not cancel_token.cancelled
    cancel_token.cancel()
    assert cancel_token.cancelled
    assert told == ["a", "b"]


def test_who_listens_late_is_told_at_once() -> None:
    cancel_token, told = CancelToken(), []
    cancel_token.cancel()
    cancel_token.add_callback(lambda: told.append("late"))
    assert told == ["late"]


def test_who_is_forgotten_is_not_told() -> None:
    cancel_token, told = CancelToken(), []

    def listener() -> None:
        told.append("x")

    cancel_token.add_callback(listener)
    cancel_token.remove_callback(listener)
    cancel_token.cancel()
    assert told == []


def test_another_thread_may_ask() -> None:
    cancel_token, threads = CancelToken(), []
    cancel_token.add_callback(lambda: threads.append(threading.get_ident()))
    asker = threading.Thread(target=cancel_token.cancel)
    asker.start()
    asker.join(60)
    assert not asker.is_alive()
    assert threads == [asker.ident]


def test_a_signal_handler_may_ask_while_another_one_asks() -> None:
    cancel_token, told = CancelToken(), []

    def listener() -> None:
        told.append("x")
        if len(told) < 3:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: cancel_token.cancel())
    try:
        cancel_token.add_callback(listener)
        cancel_token.cancel()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == ["x"] * 3
