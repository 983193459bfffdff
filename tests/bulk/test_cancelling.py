from __future__ import annotations

import signal
import threading

from airflow_provider_upstash_vector.bulk import CancelToken


def test_cancel_calls_the_callbacks() -> None:
    cancel_token, calls = CancelToken(), []
    cancel_token.add_callback(lambda: calls.append("a"))
    cancel_token.add_callback(lambda: calls.append("b"))
    assert not cancel_token.cancelled
    cancel_token.cancel()
    assert cancel_token.cancelled
    assert calls == ["a", "b"]


def test_a_late_callback_is_called_at_once() -> None:
    cancel_token, calls = CancelToken(), []
    cancel_token.cancel()
    cancel_token.add_callback(lambda: calls.append("late"))
    assert calls == ["late"]


def test_a_removed_callback_is_not_called() -> None:
    cancel_token, calls = CancelToken(), []

    def callback() -> None:
        calls.append("x")

    cancel_token.add_callback(callback)
    cancel_token.remove_callback(callback)
    cancel_token.cancel()
    assert calls == []


def test_another_thread_may_cancel() -> None:
    cancel_token, threads = CancelToken(), []
    cancel_token.add_callback(lambda: threads.append(threading.get_ident()))
    thread = threading.Thread(target=cancel_token.cancel)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert threads == [thread.ident]


def test_a_signal_handler_may_cancel_during_a_cancellation() -> None:
    cancel_token, calls = CancelToken(), []

    def callback() -> None:
        calls.append("x")
        if len(calls) < 3:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: cancel_token.cancel())
    try:
        cancel_token.add_callback(callback)
        cancel_token.cancel()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert calls == ["x"] * 3
