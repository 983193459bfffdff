"""The rate that a service allows, learnt from what it refuses. Pure.

Between two refusals the service's token bucket was empty at both ends, so what it accepted between them, by the
time between sending them, is its rate: whatever its burst, its latency and the rate of sending. After a refusal
requests go on at a little more than that, until the rate is exact. Then they are sent at a little less, and at
more with time, as in CUBIC (RFC 9438): slowly around the rate, faster if nothing is refused.
"""

from __future__ import annotations

from collections import deque
from math import inf, sqrt

_EXACT = 100  # requests accepted between two refusals: exact to 2 %
_USABLE = 10  # to 20 %, enough to send at in the meantime
_MIN_HELD = 5  # all that a hold of all requests may leave
_MIN_KNOWN = 15  # what replaces a rate that is known
_MARGIN = 0.03  # less collects fewer tokens between refusals, so less is refused then; much less brings nothing
_ROUGH_MARGIN = 0.1  # of rates that are not exact, and therefore tried again soon
_MAX_CUT = 0.7  # tasks that share a limit, and yield less to those that begin, share it evenly sooner
_PATIENCE_SECONDS = 0.05  # a few accepted requests take so long, beside some latencies
_EXCESS = 2.0  # times what has been accepted, as long as too little is known
_MAX_GAP = 50  # more requests accepted between two refusals: the bucket has filled up meanwhile
_KEPT_REQUESTS = 4_096


class Sent:
    """A request that was sent; ``accepted`` is ``None`` before it has a response."""

    __slots__ = ("accepted", "at", "number", "rows")

    def __init__(self, number: int, rows: int, at: float) -> None:
        self.number = number
        self.rows = rows
        self.at = at
        self.accepted: bool | None = None


class _Measurement:
    """Refusals of one shortage: what was accepted between the ``first`` and the ``last`` that were sent."""

    def __init__(self, request: Sent, sending_rate: float, peak_rate: float, until: float) -> None:
        self.first = self.last = request
        self.sending_rate = sending_rate
        self.began, self.until = request.at, until
        self.peak_rate = peak_rate
        self.hold_seconds = 0.0
        self.accepted_in_turn = 0  # responses since the last refusal
        self.is_stale = False
        self.accepted_rows = 0.0
        self.requests, self.rate, self._at = 0, 0.0, -inf

    @property
    def seconds(self) -> float:
        """The time between sending both."""
        return self.last.at - self.first.at

    def restart(self, request: Sent, until: float) -> None:
        """Measure from this refusal on: the bucket has been full since those before it."""
        self.first = self.last = request
        self.until, self.requests, self.is_stale = until, 0, False

    def include(self, request: Sent) -> None:
        """Add a refusal."""
        self.accepted_in_turn = 0
        if request.number > self.last.number:
            self.last = request
        elif request.number < self.first.number:
            self.first = request

    def update(self, recent: deque[Sent], now: float, *, at_most_every: float = 0.0) -> None:
        """Measure ``rate``, in rows per second, from so many accepted ``requests``.

        Those without a response are taken to be accepted as often as the others. If all are held, only those in
        flight count: their latencies differ, so some of the first were accepted before the bucket was empty.
        """
        if now < self._at + at_most_every:
            return
        first, last = self.first.number, self.last.number
        first = (first + last) // 2 if self.hold_seconds else first
        begin, rows, answered, accepted = self.first.at, 0, 0, 0
        self.requests = 0
        for request in reversed(recent):
            if request.number <= first:
                begin = request.at
                break
            if request.number > last:
                continue
            rows += request.rows
            if request.accepted is not None:
                answered += request.rows
                if request.accepted:
                    self.requests += 1
                    accepted += request.rows
        seconds = self.last.at - begin
        self.rate = rows * accepted / answered / seconds if answered and seconds > 0 else 0.0
        self._at = now


class LearntRate:
    """Rows per second to send at; :meth:`at` is ``None`` as long as nothing has been refused."""

    def __init__(self) -> None:
        self.base: float | None = None
        self._recent: deque[Sent] = deque(maxlen=_KEPT_REQUESTS)
        self._measurement: _Measurement | None = None
        self._latency = 0.0
        self._last_old = -1  # the last request sent before the rate was found: its refusal is no news
        self._found_at = inf  # or the first request
        self._accepted_rows = 0  # since then
        self._sent_rows = 0  # since then, at a rate
        self._sent_seconds = 0.0  # what they took at that rate
        self._margin = self._plateau_seconds = 1.0
        self._peak = 0.0
        self._rows = 0
        self.next_number = 0

    @property
    def rows_per_request(self) -> float:
        """How many rows a request has on average."""
        return self._rows / self.next_number if self.next_number else 1.0

    @property
    def _stale_seconds(self) -> float:
        return max(0.25, 3.0 * self._latency)

    @property
    def is_settled(self) -> bool:
        """Whether it has been sent at for a second, without a refusal."""
        return self._measurement is None and self._sent_seconds >= 1.0

    def at(self, now: float) -> float | None:
        """Return the rate to send at now."""
        if self._measurement is not None:
            return self._while_measuring(self._measurement, now)
        if self.base is None:
            return None
        beyond = (self._sent_seconds - self._plateau_seconds) / self._plateau_seconds
        # tasks that share a limit gain as many rows each, whatever they have, so they end with equal shares
        scale = self.base if beyond < 0 else min(self._peak, 2.0 * self.base)
        return self.base + scale * self._margin * beyond**3

    def _while_measuring(self, measurement: _Measurement, now: float) -> float:
        if measurement.requests >= _USABLE and measurement.seconds >= 0.5 * self._latency:
            rate = measurement.rate * (1.0 + 20.0 / measurement.requests)
            return min(rate, measurement.sending_rate)
        seconds = now - measurement.began
        if self.base is not None and seconds < 2.5 * self._latency + _PATIENCE_SECONDS:
            return measurement.sending_rate
        # grows with what is accepted: as much as needed to be refused again, however few rows are allowed
        rate = _EXCESS * (measurement.accepted_rows + self.rows_per_request) / max(seconds, 1e-3)
        return min(rate, measurement.sending_rate)

    def sent(self, rows: int, now: float) -> Sent:
        """Record a request with so many rows that goes out."""
        request = Sent(self.next_number, rows, now)
        self.next_number += 1
        self._recent.append(request)
        self._rows += rows
        self._found_at = min(self._found_at, now)
        if self._measurement is None and (rate := self.at(now)):
            self._sent_rows += rows
            self._sent_seconds += rows / rate
            if self.base is not None and rate > 2.0 * self.base:  # the limit is another one by now
                self.base, self._margin, self._sent_seconds = rate, _ROUGH_MARGIN, self._plateau_seconds
                self._sent_rows = round(rate * self._sent_seconds)
        return request

    def accepted(self, request: Sent, now: float) -> None:
        """Record a request that was accepted."""
        request.accepted = True
        self._accepted_rows += request.rows
        if (measurement := self._measurement) is not None:
            measurement.accepted_in_turn += 1
            if request.number > measurement.first.number:
                measurement.accepted_rows += request.rows
            if now >= measurement.until:
                self._conclude(measurement, now)

    def refused(self, request: Sent, now: float, latency: float, hold_seconds: float) -> bool:
        """Record a request that was refused; return whether it is the first of a shortage.

        ``hold_seconds`` is how long the service wants to have none.
        """
        request.accepted = False
        if request.number <= self._last_old:
            return False
        self._latency = latency
        measurement, is_first = self._measurement, self._measurement is None
        if measurement is None:
            rate = self.at(now) or inf
            until = now + max(1.0, 4.0 * latency, min(5.0, 30.0 / rate))
            peak_rate = self._rows / max(1e-3, now - self._found_at)
            measurement = _Measurement(request, rate, peak_rate, until)
            self._measurement = measurement
        elif self.base is None and (measurement.is_stale or measurement.accepted_in_turn > _MAX_GAP):
            measurement.restart(request, now + max(1.0, 4.0 * latency))
        if hold_seconds:
            measurement.hold_seconds = max(measurement.hold_seconds, hold_seconds)
            measurement.until = max(measurement.until, now + hold_seconds)
        measurement.include(request)
        measurement.update(self._recent, now, at_most_every=0.005)
        exact = measurement.requests >= _EXACT and measurement.seconds >= latency
        if exact and not measurement.hold_seconds:
            self._conclude(measurement, now)
        return is_first

    def resume(self, now: float) -> None:
        """Conclude from what was in flight when a hold has ended."""
        if self._measurement is not None and self._measurement.hold_seconds:
            self._conclude(self._measurement, now)

    def _conclude(self, measurement: _Measurement, now: float) -> None:
        if self.base is None and not measurement.hold_seconds and now - measurement.last.at > self._stale_seconds:
            # the bucket has filled up: grow on from here until something is refused
            seconds = max(1.0, 4.0 * self._latency)
            measurement.accepted_rows = self._while_measuring(measurement, now) * seconds / _EXCESS
            measurement.requests, measurement.began, measurement.until = 0, now - seconds, now + seconds
            measurement.is_stale = True
            return
        measurement.update(self._recent, now)
        found = self._found(measurement, now)
        if found is None:
            if self.base is None:
                measurement.until = now + 1.0
                return
        else:
            self.base, margin = found
            self._margin = max(_MARGIN, margin)
            self._peak = max(self._peak, self.base)
            # a hold costs as long as it lasts, so it may come once in more than ten times as long
            holds = (10.0 if self._margin < _ROUGH_MARGIN else 2.5) * measurement.hold_seconds
            # a refusal is known a latency later, and the rate has risen by then
            self._plateau_seconds = max(2.0, 12.0 * self._latency, holds)
            self._sent_seconds, self._sent_rows = 0.0, 0
            self._found_at, self._accepted_rows = now, 0
        self._measurement = None
        self._last_old = self.next_number - 1

    def _found(self, measurement: _Measurement, now: float) -> tuple[float, float] | None:
        """Return the rate and its margin, a share of it, or ``None`` if it cannot be told."""
        requests, rate, sending = measurement.requests, measurement.rate, measurement.sending_rate
        seconds, held = self._sent_seconds, measurement.hold_seconds > 0
        if held and seconds >= 0.3 and requests < _MIN_KNOWN * seconds:
            mean = min(self._sent_rows / seconds, sending)
            burst = 0.2 / seconds  # what the bucket had in store at the beginning
            base = sqrt(mean * sending) if mean < 0.9 * sending else mean * (1.0 - burst / 2)
            return base, max(burst, (1.0 - mean / sending) / 2)
        if rate and requests >= (_MIN_HELD if held or self.base is None else _MIN_KNOWN):
            is_settled = self.base is not None and seconds > 1.0
            return max(min(rate, sending), _MAX_CUT * sending if is_settled else 0.0), 1.0 / requests
        if held:
            least = max(self._accepted_rows, 1) / max(now - self._found_at, 1e-3)
            return sqrt(least * min(sending, measurement.peak_rate)), 0.5
        accepted = max(measurement.accepted_rows, 1.0) / max(now - measurement.began, 1e-3)
        if self.base is not None and requests < _MIN_HELD and accepted < 0.5 * sending:
            return accepted, 0.5  # much less is allowed than before
        return None
