"""Why and how a run ends before its input does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_upstash_vector.bulk.errors import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """The first reason to stop; later ones do not count. ``retryable``: whether another run can get further."""

    reason: Reason
    explanation: str
    retryable: bool = True
    cause: BaseException | None = None


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
