"""How fast requests may go out: a rate, holds after 429 and during an outage, and a number of slots. Pure.

Times are seconds of one monotonic clock. Slots follow additive increase, multiplicative decrease (Chiu and Jain
1989): one more for each window of responses, half of them after a 429. In an outage, when no request gets a
response, one request at a time probes the service until it responds.
"""

from __future__ import annotations

from math import inf

_BURST_SECONDS = 0.1
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
_MAX_DOUBLINGS = 10


class Throttle:
    """Decides when the next request may be sent.

    ``slots`` is the maximum of requests in flight, ``rate`` that of rows per second, or ``None``. ``epoch``
    counts the 429s that were acted on: responses to requests sent before the last one are ignored.

    ``worked_at`` is the time of the last response other than 429, which shows the service at work, or ``None``
    before the first; ``failed_probes`` counts the failures since an outage began. Probes are
    ``first_probe_backoff_seconds`` apart, doubled up to ``max_probe_backoff_seconds``.
    """

    def __init__(
        self,
        slots: int,
        rate: float | None,
        *,
        worked_at: float | None = None,
        first_probe_backoff_seconds: float = 0.5,
        max_probe_backoff_seconds: float = 8.0,
    ) -> None:
        self._max_slots = float(slots)
        self._rate = rate
        self._capacity = max(1.0, rate * _BURST_SECONDS) if rate else 0.0
        self._tokens = self._capacity
        self._tokens_at = 0.0
        self._first_probe_backoff = first_probe_backoff_seconds
        self._max_probe_backoff = max_probe_backoff_seconds
        self._probing = False
        self._probe_at = 0.0
        self._failed_at = -inf
        self._down_since = 0.0
        self._held_until = 0.0
        self._held_since = 0.0
        self._held_seconds = 0.0
        self._consecutive = 0
        self._throttled_since = 0.0
        self.slots = float(slots)
        self.epoch = 0
        self.worked_at = worked_at
        self.failed_probes = 0

    def wait_seconds(self, in_flight: int, now: float, rows: int = 1) -> float | None:
        """Return the seconds until a request with so many rows may go, 0 for at once.

        ``None`` is until one in flight has ended. A request with more rows than the rate allows at once may go
        when it allows the most, and the next one waits longer.
        """
        if now < self._held_until:
            return self._held_until - now
        if in_flight >= int(self.slots):
            return None
        if self.failed_probes:
            if self._probing:
                return None
            if now < self._probe_at:
                return self._probe_at - now
        if self._rate is None:
            return 0.0
        self._tokens = min(self._capacity, self._tokens + (now - self._tokens_at) * self._rate)
        self._tokens_at = now
        needed = min(float(rows), self._capacity)
        return 0.0 if self._tokens >= needed else (needed - self._tokens) / self._rate

    def sent(self, rows: int = 1) -> None:
        """Record a request with so many rows that goes out."""
        self._tokens -= rows
        self._probing = True

    def responded(self, epoch: int, now: float) -> None:
        """Record a response, other than 429, to a request of ``epoch``; it ends an outage."""
        self.worked_at = now
        if self.failed_probes:
            self._end_outage(now)
        if epoch != self.epoch:
            return
        self._consecutive = 0
        if self.slots < self._max_slots:
            self.slots = min(self._max_slots, self.slots + 1.0 / self.slots)

    def failed(
        self, unproven_since: float, sent_at: float, retry_after: float, now: float, random_value: float
    ) -> bool:
        """Record that a request sent at ``sent_at`` got no response; return whether the service is down.

        It is if no request has had a response since ``unproven_since``: then all requests are held for
        ``retry_after`` or a backoff, whichever is longer, and one is sent as a probe. Before the first response
        of a run, a failure shows nothing about the service. ``random_value`` is from 0 to 1.
        """
        down = self.worked_at is not None and self.worked_at <= unproven_since
        if (down or self.failed_probes) and sent_at > self._failed_at:
            if not self.failed_probes:
                self._begin_hold(now)
                self._down_since = sent_at
            self.failed_probes += 1
            self._probing = False
            self._failed_at = now
            backoff = _backoff(
                self.failed_probes, self._first_probe_backoff, self._max_probe_backoff, random_value
            )
            self._probe_at = now + max(retry_after, backoff)
        return down

    def _end_outage(self, now: float) -> None:
        self.failed_probes = 0
        self._held_until = max(self._held_until, now)

    def throttled(self, epoch: int, retry_after: float | None, now: float, random_value: float) -> None:
        """Record a 429 to a request of ``epoch``: hold for ``retry_after`` or a backoff, and halve the slots.

        ``random_value`` is from 0 to 1. A ``retry_after`` of 0 is ignored. It ends an outage too.
        """
        if self.failed_probes:
            self._end_outage(now)
        if epoch == self.epoch:
            self.epoch += 1
            if not self._consecutive:
                self._throttled_since = now
            self._consecutive += 1
            self.slots = max(1.0, self.slots / 2.0)
            if not retry_after:
                self._hold(
                    _backoff(self._consecutive, _FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS, random_value), now
                )
        if retry_after:
            self._hold(retry_after, now)

    def _hold(self, seconds: float, now: float) -> None:
        self._begin_hold(now)
        self._held_until = max(self._held_until, now + seconds)

    def _begin_hold(self, now: float) -> None:
        if now >= self._held_until:
            self._held_seconds = self.held_seconds(now)
            self._held_since = now

    def seconds_throttled(self, now: float) -> float:
        """Return for how long every response has been a 429."""
        return now - self._throttled_since if self._consecutive else 0.0

    def seconds_down(self, now: float) -> float:
        """Return for how long no request has had a response."""
        return now - self._down_since if self.failed_probes else 0.0

    def held_seconds(self, now: float) -> float:
        """Return how long requests have been held until ``now``, by 429s and outages."""
        end = now if self.failed_probes else min(now, self._held_until)
        return self._held_seconds + max(0.0, end - self._held_since)


def _backoff(times: int, first_seconds: float, max_seconds: float, random_value: float) -> float:
    backoff = first_seconds * 2.0 ** min(times - 1, _MAX_DOUBLINGS)
    return min(max_seconds, backoff) * (0.5 + random_value / 2.0)
