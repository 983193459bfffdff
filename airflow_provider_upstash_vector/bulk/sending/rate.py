"""The rate that a service allows, learnt from what it refuses. Pure.

After a refusal requests go on at a little more than the rate that refusals show so far, until it is exact. Then
they are sent at a little less, and at more with time, as in CUBIC (RFC 9438): slowly around the rate, faster if
nothing is refused. If the service says when to send again, that costs as long, so the rate is found from what is
in flight then and from how long its burst lasted, and tried again more rarely.
"""

from __future__ import annotations

from collections import deque
from math import inf, sqrt

from airflow_provider_upstash_vector.bulk.sending.measurement import Estimate, Measurement, Sent

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
_MAX_HELD_CUT = 0.1  # nothing accepted by chance is not a rate of zero
_KEPT_REQUESTS = 4_096


class LearntRate:
    """Rows per second to send at; :meth:`at` is ``None`` as long as nothing has been refused."""

    def __init__(self) -> None:
        self.is_limited = False  # something has been refused
        self.base: float | None = None
        self._recent: deque[Sent] = deque(maxlen=_KEPT_REQUESTS)
        self._measurement: Measurement | None = None
        self._latency = 0.0
        self._last_old = -1  # the last request sent before the rate was found: its refusal is no news
        self._sent_seconds = 0.0  # that rows sent since then have taken at the rate
        self._emptied_at = -inf  # when the last refusal was sent
        self._burst = 0.0  # rows that the service accepts at once, if it says when to send again
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
        """Whether it has been sent at without a refusal: the more exact it is, the shorter."""
        return self._measurement is None and self._sent_seconds >= self._margin / _ROUGH_MARGIN

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

    def _while_measuring(self, measurement: Measurement, now: float) -> float:
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
        if self.is_limited and self._measurement is None and (rate := self.at(now)):
            self._sent_seconds += rows / rate
            if self.base is not None and rate > 2.0 * self.base:  # the limit is another one by now
                self.base, self._margin, self._sent_seconds = rate, _ROUGH_MARGIN, self._plateau_seconds
        return request

    def accepted(self, request: Sent, now: float) -> None:
        """Record a request that was accepted."""
        request.accepted = True
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
        self._latency, self.is_limited = latency, True
        measurement, is_first = self._measurement, self._measurement is None
        if measurement is None:
            rate = self.at(now) or inf
            until = now + max(1.0, 4.0 * latency, min(5.0, 30.0 / rate))
            measurement = Measurement(self._recent, request, rate, until)
            self._measurement = measurement
        elif self.base is None and (measurement.is_stale or measurement.accepted_in_turn > _MAX_GAP):
            measurement.restart(request, now + max(1.0, 4.0 * latency))
        if hold_seconds:
            measurement.hold_seconds = max(measurement.hold_seconds, hold_seconds)
            measurement.until = max(measurement.until, now + hold_seconds)
        measurement.include(request)
        measurement.update(now, at_most_every=0.005)
        exact = measurement.requests >= _EXACT and measurement.seconds >= latency
        if exact and not measurement.hold_seconds:
            self._conclude(measurement, now)
        return is_first

    def resume(self, now: float) -> None:
        """Conclude from what was in flight when a hold has ended."""
        if self._measurement is not None and self._measurement.hold_seconds:
            self._conclude(self._measurement, now)

    def unblock(self, now: float) -> None:
        """Try half of the rate, and soon more, when a service accepts requests again that has refused them all."""
        if self._measurement is not None and self.base is not None:
            self._adopt(Estimate(self.base / 2.0, 0.5), self._measurement)
        self.resume(now)

    def _conclude(self, measurement: Measurement, now: float) -> None:
        if self.base is None and not measurement.hold_seconds and now - measurement.last.at > self._stale_seconds:
            # the bucket has filled up: grow on from here until something is refused
            seconds = max(1.0, 4.0 * self._latency)
            measurement.accepted_rows = self._while_measuring(measurement, now) * seconds / _EXCESS
            measurement.requests, measurement.began, measurement.until = 0, now - seconds, now + seconds
            measurement.is_stale = True
            return
        measurement.update(now)
        found = self._found(measurement, now)
        if found is not None or self.base is not None:
            self._adopt(found, measurement)
        else:
            measurement.until = now + 1.0

    def _adopt(self, found: Estimate | None, measurement: Measurement) -> None:
        """End the measurement, and send at the rate found, or at the one before."""
        if found is not None:
            self.base = found.rate
            self._margin = max(_MARGIN, found.error)
            self._peak = max(self._peak, self.base)
            # a hold costs as long as it lasts, so it may come once in more than ten times as long
            holds = (10.0 if self._margin < _ROUGH_MARGIN else 2.5) * measurement.hold_seconds
            # a refusal is known a latency later, and the rate has risen by then
            self._plateau_seconds = max(2.0, 12.0 * self._latency, holds)
            self._sent_seconds = 0.0
            self._emptied_at = measurement.last.at
        self._measurement = None
        self._last_old = self.next_number - 1

    def _found(self, measurement: Measurement, now: float) -> Estimate | None:
        """Return the rate, or ``None`` if it cannot be told."""
        if measurement.hold_seconds:
            return self._found_held(measurement)
        requests, rate, sending = measurement.requests, measurement.rate, measurement.sending_rate
        if rate and requests >= (_MIN_HELD if self.base is None else _MIN_KNOWN):
            is_settled = self.base is not None and self._sent_seconds > 1.0
            return Estimate(max(min(rate, sending), _MAX_CUT * sending if is_settled else 0.0), 1.0 / requests)
        accepted = max(measurement.accepted_rows, 1.0) / max(now - measurement.began, 1e-3)
        if self.base is not None and requests < _MIN_HELD and accepted < 0.5 * sending:
            return Estimate(accepted, 0.5)  # much less is allowed than before
        return None

    def _found_held(self, measurement: Measurement) -> Estimate:
        """Return the rate if all have been held."""
        found, sending = self._held(measurement), measurement.sending_rate
        rate = (
            min(found.rate, sending)
            if self.base is None
            else min(max(found.rate, _MAX_HELD_CUT * sending), sending)
        )
        if not self._burst or sending > 1.2 * rate:
            self._burst = measurement.burst(self._last_old, rate)
        return Estimate(rate, min(0.3, found.error))

    def _held(self, measurement: Measurement) -> Estimate:
        """Return the rate from what was in flight when all were held, or from what was sent until then."""
        requests, old, unit = measurement.requests, self._last_old, self.rows_per_request
        in_flight = Estimate(measurement.rate, 2.0 / (requests + 1.0))
        if self.base is None:
            if requests < _MIN_HELD:  # a guess, rather too high: that is known soon
                return Estimate((requests + 3.0) * unit / max(measurement.seconds, 1e-3), 1.0)
            was_full = measurement.pause_seconds * in_flight.rate > measurement.burst(old, in_flight.rate)
            return Estimate(2.0 * in_flight.rate, 1.0) if was_full else in_flight
        # at least what was accepted since the bucket was empty
        mean = measurement.accepted_since(old) / max(measurement.last.at - self._emptied_at, 1e-3)
        if requests < _MIN_HELD:
            in_flight = Estimate(sqrt(mean * measurement.sending_rate), 1.0)
        beyond = measurement.beyond_burst(old, self._burst, unit) if self._burst else None
        found = beyond if beyond is not None and beyond.error < in_flight.error else in_flight
        return Estimate(max(found.rate, mean), found.error)
