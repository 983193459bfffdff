"""How fast requests may go out: a rate, holds after 429 and during an outage, and a number of slots. Pure.

Times are seconds of one monotonic clock. Slots follow additive increase, multiplicative decrease (Chiu and Jain
1989): one more for each window of responses, half of them after a 429. In an outage, when all requests fail, one
request at a time probes the service until it responds.
"""

from __future__ import annotations

_BURST_SECONDS = 0.1
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
_MAX_PROBE_BACKOFF_SECONDS = 5.0
_MAX_DOUBLINGS = 10


class Throttle:
    """Decides when the next request may be sent.

    ``slots`` is the maximum of requests in flight, ``rate`` that of requests per second, or ``None``. ``epoch``
    counts the 429s and failures that were acted on: responses to requests sent before the last one are ignored.
    ``responded_at`` is the time of the last response that shows the service at work, or of the start.
    """

    def __init__(self, slots: int, rate: float | None, now: float = 0.0) -> None:
        self._max_slots = float(slots)
        self._rate = rate
        self._capacity = max(1.0, rate * _BURST_SECONDS) if rate else 0.0
        self._tokens = self._capacity
        self._tokens_at = 0.0
        self._held_until = 0.0
        self._held_since = 0.0
        self._consecutive = 0
        self._failed_probes = 0
        self._throttled_since = 0.0
        self._held_seconds = 0.0
        self.responded_at = now
        self.slots = float(slots)
        self.epoch = 0

    def wait_seconds(self, in_flight: int, now: float) -> float | None:
        """Return the seconds until a request may go, 0 for at once, or ``None`` until one in flight has ended."""
        if now < self._held_until:
            return self._held_until - now
        if in_flight >= (1 if self._failed_probes else int(self.slots)):
            return None
        if self._rate is None:
            return 0.0
        self._tokens = min(self._capacity, self._tokens + (now - self._tokens_at) * self._rate)
        self._tokens_at = now
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / self._rate

    def sent(self) -> None:
        """Record a request that goes out."""
        self._tokens -= 1.0

    def responded(self, epoch: int, now: float) -> None:
        """Record a response, other than 429, to a request of ``epoch``; it ends an outage."""
        self._show_at_work(now)
        if epoch != self.epoch:
            return
        self._consecutive = 0
        if self.slots < self._max_slots:
            self.slots = min(self._max_slots, self.slots + 1.0 / self.slots)

    def _show_at_work(self, now: float) -> None:
        self.responded_at = now
        self._failed_probes = 0

    def failed(self, epoch: int, now: float, random_value: float) -> None:
        """Record a failure of a request of ``epoch`` in an outage: hold for a backoff, then send one probe."""
        if epoch == self.epoch:
            self.epoch += 1
            self._failed_probes += 1
            self._back_off(self._failed_probes, _MAX_PROBE_BACKOFF_SECONDS, now, random_value)

    def throttled(self, epoch: int, retry_after: float | None, now: float, random_value: float) -> None:
        """Record a 429 to a request of ``epoch``: hold for ``retry_after`` or a backoff, and halve the slots.

        ``random_value`` is from 0 to 1. A ``retry_after`` of 0 is ignored.
        """
        self._show_at_work(now)
        if epoch == self.epoch:
            self.epoch += 1
            if not self._consecutive:
                self._throttled_since = now
            self._consecutive += 1
            self.slots = max(1.0, self.slots / 2.0)
            if not retry_after:
                self._back_off(self._consecutive, _MAX_BACKOFF_SECONDS, now, random_value)
        if retry_after:
            self._hold(retry_after, now)

    def _back_off(self, times: int, max_seconds: float, now: float, random_value: float) -> None:
        backoff = _FIRST_BACKOFF_SECONDS * 2.0 ** min(times - 1, _MAX_DOUBLINGS)
        self._hold(min(max_seconds, backoff) * (0.5 + random_value / 2.0), now)

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
