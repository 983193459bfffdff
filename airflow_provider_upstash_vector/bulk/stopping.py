"""How a run is asked to end, from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable


class BulkStop:
    """Asks a run to stop, from any thread or a signal handler; may be asked before the run begins."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._listeners: list[Callable[[], object]] = []

    @property
    def asked(self) -> bool:
        """Whether the run is to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Let rows in flight settle, for a few seconds, and send no more."""
        self._asked.set()
        for listener in [*self._listeners]:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` when the run is to stop, in the thread that asks."""
        self._listeners.append(listener)
        if self.asked:
            listener()

    def forget(self, listener: Callable[[], object]) -> None:
        """Call ``listener`` no more."""
        self._listeners.remove(listener)
