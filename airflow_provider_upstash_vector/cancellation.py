"""Cancellation of running work, from another thread or a signal handler, and threads that can be abandoned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

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


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call ``function`` as ``asyncio.to_thread`` does, but in a thread that can be abandoned.

    Neither the loop nor the interpreter waits for it at the end: a store may hang for minutes.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def deliver(give: Callable[[Any], None], outcome: object) -> None:
        if not done.done():
            give(outcome)

    def work() -> None:
        try:
            give, outcome = done.set_result, function(*args)
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            give, outcome = done.set_exception, error  # type: ignore[assignment]
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(deliver, give, outcome)

    Thread(target=copy_context().run, args=(work,), name="abandonable-call", daemon=True).start()
    return await done


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Wait until ``event`` is set, for so many seconds at most.

    Before Python 3.12, ``asyncio.wait_for`` loses a cancellation that comes as the event is set.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
