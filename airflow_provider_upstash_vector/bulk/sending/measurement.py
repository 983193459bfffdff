"""The rate that a service allows, measured from which requests it accepted and when they were sent. Pure.

A service that limits is a token bucket here: a refusal shows that it was empty when the request arrived. What was
accepted between two refusals, by the time between sending them, is therefore its rate, whatever its burst, its
latency and the rate of sending.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from math import inf
from typing import NamedTuple

_LATE = 4.0  # requests that arrive in another order than they are sent, about


class Sent:
    """A request that was sent; ``accepted`` is ``None`` before it has a response."""

    __slots__ = ("accepted", "at", "number", "rows")

    def __init__(self, number: int, rows: int, at: float) -> None:
        self.number = number
        self.rows = rows
        self.at = at
        self.accepted: bool | None = None


class Estimate(NamedTuple):
    """Rows per second, and how far off they may be, as a share of them."""

    rate: float
    error: float


class Measurement:
    """Refusals of one shortage, and what was accepted between the ``first`` and the ``last`` that were sent.

    ``recent`` are the requests sent lately, the oldest first.
    """

    def __init__(self, recent: Sequence[Sent], request: Sent, sending_rate: float, until: float) -> None:
        self._recent = recent
        self.first = self.last = request
        self.sending_rate = sending_rate
        self.began, self.until = request.at, until
        self.hold_seconds = 0.0
        self.accepted_in_turn = 0  # responses since the last refusal
        self.is_stale = False
        self.accepted_rows = 0.0
        self.requests, self.rate, self._at = 0, 0.0, -inf
        self.seconds = self.pause_seconds = 0.0

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

    def update(self, now: float, *, at_most_every: float = 0.0) -> None:
        """Measure ``rate``, in rows per second, from so many accepted ``requests``.

        Those without a response are taken to be accepted as often as the others. If all are held, a first quarter
        of the time does not count: some requests may have arrived before the bucket was empty.
        """
        if now < self._at + at_most_every:
            return
        first = self.first
        if self.hold_seconds:
            early = first.at + (self.last.at - first.at) / 4
            first = next((r for r in self._since(first.number) if r.accepted is False and r.at <= early), first)
        rows, answered, accepted, at = 0, 0, 0, self.last.at
        self.requests, self.pause_seconds = 0, 0.0
        for request in self._since(first.number):
            rows += request.rows
            self.pause_seconds, at = max(self.pause_seconds, at - request.at), request.at
            if request.accepted is not None:
                answered += request.rows
                if request.accepted:
                    self.requests += 1
                    accepted += request.rows
        self.seconds = self.last.at - first.at
        self.rate = rows * accepted / answered / self.seconds if answered and self.seconds > 0 else 0.0
        self._at = now

    def _since(self, number: int) -> Iterator[Sent]:
        """Yield the requests after ``number`` up to the last refusal, the newest first."""
        for request in takewhile(lambda request: request.number > number, reversed(self._recent)):
            if request.number <= self.last.number:
                yield request

    def beyond_burst(self, number: int, burst: float, rows_per_request: float) -> Estimate | None:
        """Return the rate at which requests after ``number`` have emptied a bucket that was full at first.

        It was full until they were sent faster than it was filled, so the largest of the rates since then is it;
        ``None`` if too few were accepted.
        """
        noise = _LATE * rows_per_request + burst / 4
        rows, best = 0, None
        for request in self._since(number):
            rows += request.rows if request.accepted is not False else 0
            seconds, beyond = self.last.at - request.at, rows - burst
            if seconds > 0 and beyond > noise:
                best = max(best or (0.0, 0.0), (beyond / seconds, noise / beyond))
        return best and Estimate(*best)

    def burst(self, number: int, rate: float) -> float:
        """Return the most rows accepted after request ``number`` beyond what ``rate`` allows in the time."""
        burst = excess = at = 0.0
        for request in reversed([*self._since(number)]):
            excess = max(0.0, excess - rate * (request.at - at))
            excess += request.rows if request.accepted is not False else 0
            at = request.at
            burst = max(burst, excess)
        return burst

    def accepted_since(self, number: int) -> int:
        """Return the rows accepted after request ``number`` up to the last refusal."""
        return sum(request.rows for request in self._since(number) if request.accepted is not False)
