"""What a client has sent so far, for metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Traffic:
    """Requests, and the seconds they took in all; ``retries`` are those among them that were sent again.

    ``throttled_seconds`` is the time waited after a 429. Threads that share a client may lose a count.
    """

    requests: int = 0
    request_seconds: float = 0.0
    retries: int = 0
    throttled_seconds: float = 0.0

    def sent(self, seconds: float, *, again: bool) -> None:
        """Note a request and how long its answer, or its error, took."""
        self.requests += 1
        self.request_seconds += seconds
        self.retries += again

    def waited(self, seconds: float, status: int | None) -> None:
        """Note a wait after an answer with ``status``, or after none."""
        if status == 429:
            self.throttled_seconds += seconds
