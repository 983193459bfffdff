"""How a wait in a worker is asked to end."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue


class Stop:
    """Ends a sleep early, from any thread or a signal handler.

    No ``threading.Event``: a handler that interrupts its ``wait()`` may wait forever in ``set()``. A
    ``SimpleQueue`` may be interrupted anywhere.
    """

    def __init__(self) -> None:
        self.asked = False
        self._wakes: SimpleQueue[None] = SimpleQueue()

    def ask(self) -> None:
        """End the sleep under way, and all to come."""
        self.asked = True
        self._wakes.put(None)

    def sleep(self, seconds: float) -> bool:
        """Sleep for ``seconds``, or until asked to end; tell whether that was asked."""
        if not self.asked:
            with suppress(Empty):
                self._wakes.get(timeout=seconds)
        return self.asked
