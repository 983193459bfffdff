"""How fast requests may go out: a rate, a hold after 429, and a number of slots that shrinks and grows. Pure.

Times are seconds of one monotonic clock. Slots follow additive increase, multiplicative decrease (Chiu and Jain
1989): one more for each window of responses, half of them after a 429.
"""

from __future__ import annotations

_BURST_SECONDS = 0.1
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
_MAX_DOUBLINGS = 10


class Throttle:
    """Decides when the next request may be sent.

    ``slots`` is the maximum of requests in flight, ``rate`` that of requests per second, or ``None``. ``epoch``
    counts the 429s that were acted on: responses to requests sent before the last one are ignored.
    """

    def __init__(self, slots: int, rate: float | None) -> None:
        self._max_slots = float(slots)
        self._rate = rate
        self._capacity = max(1.0, rate * _BURST_SECONDS) if rate else 0.0
        self._tokens = self._capacity
        self._tokens_at = 0.0
        self._held_until = 0.0
        self._held_since = 0.0
        self._consecutive = 0
        self._throttled_since = 0.0
        self._held_seconds = 0.0
        self.slots = float(slots)
        self.epoch = 0

    def wait_seconds(self, in_flight: int, now: float) -> float | None:
        """Return the seconds until a request may go, 0 for at once, or ``None`` until one in flight has ended."""
        if now < self._held_until:
            return self._held_until - now
        if in_flight >= int(self.slots):
            return None
        if self._rate is None:
            return 0.0
        self._tokens = min(self._capacity, self._tokens + (now - self._tokens_at) * self._rate)
        self._tokens_at = now
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / self._rate

    def sent(self) -> None:
        """Record a request that goes out."""
        self._tokens -= 1.0

    def responded(self, epoch: int) -> None:
        """Record a response, other than 429, to a request of ``epoch``."""
        if epoch != self.epoch:
            return
        self._consecutive = 0
        if self.slots < self._max_slots:
            self.slots = min(self._max_slots, self.slots + 1.0 / self.slots)

    def throttled(self, epoch: int, retry_after: float | None, now: float, random_value: float) -> None:
        """Record a 429 to a request of ``epoch``: hold for ``retry_after`` or a backoff, and halve the slots.

        ``random_value`` is from 0 to 1. A ``retry_after`` of 0 is ignored.
        """
        if epoch == self.epoch:
            self.epoch += 1
            if not self._consecutive:
                self._throttled_since = now
            self._consecutive += 1
            self.slots = max(1.0, self.slots / 2.0)
            if not retry_after:
                backoff = _FIRST_BACKOFF_SECONDS * 2.0 ** min(self._consecutive - 1, _MAX_DOUBLINGS)
                self._hold(min(_MAX_BACKOFF_SECONDS, backoff) * (0.5 + random_value / 2.0), now)
        if retry_after:
            self._hold(retry_after, now)

    def _hold(self, seconds: float, now: float) -> None:
        if now >= self._held_until:
            self._held_seconds = self.held_seconds(now)
            self._held_since = now
        self._held_until = max(self._held_until, now + seconds)

    def seconds_throttled(self, now: float) -> float:
        """Return for how long every response has been a 429."""
        return now - self._throttled_since if self._consecutive else 0.0

    def held_seconds(self, now: float) -> float:
        """Return how long requests have been held until ``now``."""
        return self._held_seconds + max(0.0, min(now, self._held_until) - self._held_since)
