"""How fast requests may go out: slots, rates, and holds after 429 and during an outage. Pure.

Times are seconds of one monotonic clock. Requests go if there is a slot, the learnt rate and the limit of rows per
second allow it, and nothing holds them. In an outage, when no request gets a response, one request at a time
probes the service until it responds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.pacing import Pacer
from airflow_provider_upstash_vector.bulk.sending.rate import LearntRate
from airflow_provider_upstash_vector.bulk.sending.slots import Slots

_BURST_SECONDS = 0.1
_LEARNT_BURST_SECONDS = 0.01  # what a timer of the event loop may be late
_SPREAD_LATENCY_SECONDS = 0.01  # a round trip's requests are spread over half of it, if it is not short anyway
_FIRST_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 30.0
_MAX_DOUBLINGS = 10
_BLOCKED_SLOTS = 2
_BLOCK_SECONDS = 1.0  # without an accepted request, after which the rate is another one


class Throttle:
    """Decides when the next request may be sent.

    ``max_slots`` is the maximum of requests in flight, ``max_rate`` that of rows per second, or ``None``; how many
    there are follows from what the service does, but rising latency leaves ``min_slots``.

    ``worked_at`` is the time of the last response other than 429, which shows the service at work, or ``None``
    before the first; ``failed_probes`` counts the failures since an outage began. Probes are
    ``first_probe_backoff_seconds`` apart, doubled up to ``max_probe_backoff_seconds``. ``cpu_seconds`` returns the
    CPU time of the thread that sends.
    """

    def __init__(
        self,
        max_slots: int,
        max_rate: float | None,
        *,
        min_slots: int = 1,
        worked_at: float | None = None,
        first_probe_backoff_seconds: float = 0.5,
        max_probe_backoff_seconds: float = 8.0,
        cpu_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        self._max_rate = max_rate
        self._limit = Pacer(_BURST_SECONDS)
        self._pacer = Pacer(_LEARNT_BURST_SECONDS)
        self._slots = Slots(max_slots, cpu_seconds, min_slots)
        self._rate = LearntRate()
        self._first_probe_backoff = first_probe_backoff_seconds
        self._max_probe_backoff = max_probe_backoff_seconds
        self._probing = False
        self._probe_at = 0.0
        self._failed_at = -inf
        self._down_since = 0.0
        self._paces = False  # there is a rate to send at
        self._obeys = False  # a Retry-After
        self._held_until = 0.0
        self._held_since = 0.0
        self._held_seconds = 0.0
        self._refused_since: float | None = None
        self._backoffs = 0
        self.worked_at = worked_at
        self.failed_probes = 0

    @property
    def slots(self) -> int:
        """How many requests may be in flight."""
        return min(self._slots.count, _BLOCKED_SLOTS) if self._backoffs else self._slots.count

    @property
    def allowed_rate(self) -> float | None:
        """The rows per second that the service allows, as far as its 429s have shown."""
        return self._rate.base

    @property
    def latency(self) -> float | None:
        """The seconds that a request takes if it does not wait for others."""
        return self._slots.latency

    @property
    def is_settled(self) -> bool:
        """Whether it has found what the service allows: a rate, or how many requests are worth it."""
        return self._rate.is_settled if self._rate.is_limited else not self._slots.racing

    def wait_seconds(self, in_flight: int, now: float, rows: int = 1) -> float | None:
        """Return the seconds until a request with so many rows may go, 0 for at once.

        ``None`` is until one in flight has ended. A request with more rows than the rate allows at once may go
        when it allows the most, and the next one waits longer.
        """
        if now < self._held_until:
            return self._held_until - now
        if self._obeys and not self._backoffs:
            self._obeys = False
            self._rate.resume(now)
        pace = None if self._backoffs else self._pace(now)
        slots = self.slots
        if in_flight + 1 >= slots:  # with the request that this is about
            self._slots.fill(self._rate.next_number)
            if pace is not None and self._rate.base is not None:
                self._slots.at_least(2.0 * pace / rows * (self._slots.latency or 0.0))
            if in_flight >= self.slots:
                return None
        if self.failed_probes:
            if self._probing:
                return None
            if now < self._probe_at:
                return self._probe_at - now
        if self._paces != (pace is not None):
            self._paces = pace is not None
            self._pacer.reset()
        wait = 0.0 if pace is None else self._pacer.wait_seconds(pace, rows, now)
        return wait if self._max_rate is None else max(wait, self._limit.wait_seconds(self._max_rate, rows, now))

    def _pace(self, now: float) -> float | None:
        """Return the rows per second to send at."""
        if self._rate.is_limited:
            return self._rate.at(now)
        latency = self._slots.latency
        if latency is None or latency <= _SPREAD_LATENCY_SECONDS:
            return None
        return 2.0 * self._slots.count / latency * self._rate.rows_per_request

    def sent(self, now: float, rows: int = 1) -> Sent:
        """Record a request with so many rows that goes out."""
        self._probing = True
        if self._max_rate is not None:
            self._limit.spend(rows)
        if self._paces:
            self._pacer.spend(rows)
        request = self._rate.sent(rows, now)
        if request.number == 0:
            self._slots.start(now)
        return request

    def responded(self, request: Sent, now: float) -> None:
        """Record a response, other than 429; it ends an outage."""
        self.worked_at = now
        if self.failed_probes:
            self._end_outage(now)
        if self._backoffs:
            self._backoffs = 0
            if self.seconds_throttled(now) > _BLOCK_SECONDS:
                self._rate.unblock(now)
        self._refused_since = None
        self._rate.accepted(request, now)
        self._slots.accepted(request.number, request.at, now, self._rate.next_number)

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

    def throttled(self, request: Sent, retry_after: float | None, now: float, random_value: float) -> None:
        """Record a 429: hold for ``retry_after``, or a backoff if nothing is accepted, and learn the rate.

        ``random_value`` is from 0 to 1. A ``retry_after`` of 0 is ignored. It ends an outage too.
        """
        if self.failed_probes:
            self._end_outage(now)
        if self._refused_since is None:
            self._refused_since = now
        latency = self._slots.latency or now - request.at
        if self._rate.refused(request, now, latency, retry_after or 0.0):
            self._slots.stop_racing()
            self._pacer.drain()
        # one that was sent when others should have been accepted: the client may have been late to see them
        if request.at - self._refused_since > 1.5 * latency + 0.05 and now >= self._held_until:
            self._backoffs += 1
            backoff = _backoff(self._backoffs, _FIRST_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS, random_value)
            self._hold(retry_after or backoff, now)
        elif retry_after:
            self._hold(retry_after, now)
        self._obeys = self._obeys or bool(retry_after)

    def _hold(self, seconds: float, now: float) -> None:
        self._begin_hold(now)
        self._held_until = max(self._held_until, now + seconds)

    def _begin_hold(self, now: float) -> None:
        if now >= self._held_until:
            self._held_seconds = self.held_seconds(now)
            self._held_since = now

    def seconds_throttled(self, now: float) -> float:
        """Return for how long every response has been a 429."""
        return now - self._refused_since if self._refused_since is not None else 0.0

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
