"""How a run is asked to end, from outside."""

from __future__ import annotations

from collections.abc import Callable


class BulkStop:
    """Asks a run to stop, from any thread or a signal handler; may be asked before the run begins."""

    def __init__(self) -> None:
        self.asked = False  # no threading.Event: a handler that interrupts its set() would wait forever
        self._listeners: list[Callable[[], object]] = []

    def ask(self) -> None:
        """Let rows in flight settle, for a few seconds, and send no more."""
        self.asked = True
        for listener in [*self._listeners]:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` when the run is to stop, perhaps twice, in the thread that asks."""
        self._listeners.append(listener)
        if self.asked:
            listener()

    def forget(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` no more."""
        self._listeners.remove(listener)
