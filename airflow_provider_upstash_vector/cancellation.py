"""Cancellation of running work, from another thread or a signal handler."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


class CancelToken:
    """Cancels a bulk run, a call or a wait, also before it begins.

    Not a ``threading.Event``: a signal handler that interrupts its ``wait()`` or ``set()`` may block forever in
    ``set()``. A ``SimpleQueue`` may be interrupted anywhere. A copy or pickle is a new token.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._callbacks: list[Callable[[], object]] = []
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def __reduce__(self) -> tuple[type[CancelToken], tuple[()]]:
        return CancelToken, ()

    def cancel(self) -> None:
        """End the current sleep and all later ones, and call the callbacks."""
        self.cancelled = True
        self._wakes.put(None)
        for callback in [*self._callbacks]:
            callback()

    def add_callback(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` on cancellation, perhaps twice, in the thread that cancels; at once if cancelled."""
        self._callbacks.append(callback)
        if self.cancelled:
            callback()

    def remove_callback(self, callback: Callable[[], object]) -> None:
        """Remove a callback."""
        self._callbacks.remove(callback)

    def sleep(self, seconds: float) -> bool:
        """Sleep for ``seconds`` or until cancelled; return whether it was cancelled."""
        if not self.cancelled:
            with suppress(Empty):
                self._wakes.get(timeout=seconds)
        return self.cancelled

    def call(self, function: Callable[[], T]) -> T:
        """Call ``function`` in another thread; return its result, or raise ``CancelledError`` once cancelled.

        The thread is abandoned then, since nothing interrupts a system call such as a name resolution.
        """
        ends: SimpleQueue[Future[T] | None] = SimpleQueue()

        def work() -> None:
            future: Future[T] = Future()
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
                future.set_exception(error)
            ends.put(future)

        def wake() -> None:
            ends.put(None)

        self.add_callback(wake)
        try:
            if not self.cancelled:
                Thread(target=copy_context().run, args=(work,), name="cancellable-call", daemon=True).start()
            future = ends.get()
        finally:
            self.remove_callback(wake)
        if future is None:
            raise CancelledError
        return future.result()
