"""Cancellation of running work, from another thread or a signal handler."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue


class CancelToken:
    """Cancels a bulk run or a wait, also before it begins.

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
