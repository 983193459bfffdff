"""A service and the runs that write to it, in simulated time: what a throttle does with them, in milliseconds.

A run asks its throttle as the engine does, with its requests in flight, the time and the rows of the next batch.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from statistics import quantiles

from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle

SEND_SECONDS = 30e-6  # the engine's own time for a request
RESPONSE_SECONDS = 20e-6  # and for its response
CONNECT_SECONDS = 150e-6  # and to open a connection
TIMER_SECONDS = 1e-3  # timers of an event loop are late by up to a millisecond
BIN_SECONDS = 0.25
EPOCH = 100_000.0  # what the clock of a throttle shows at the beginning: as a monotonic clock, not zero


@dataclass
class Bucket:
    """Allows ``rate`` rows a second and ``burst`` at once; ``changes`` are times and the rates from then on."""

    rate: float
    burst: float
    changes: Sequence[tuple[float, float]] = ()

    def __post_init__(self) -> None:
        self._tokens, self._at = float(self.burst), 0.0
        self._changes = deque(self.changes)

    def allows(self, rows: int, now: float) -> bool:
        """Take the tokens of so many rows, if there are enough."""
        while self._changes and self._changes[0][0] <= now:
            self._fill(self._changes[0][0])
            self.rate = self._changes.popleft()[1]
        self._fill(now)
        if self._tokens < rows - 1e-9:
            return False
        self._tokens -= rows
        return True

    def _fill(self, now: float) -> None:
        self._tokens = min(self.burst, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = max(self._at, now)


@dataclass
class Service:
    """Responds after ``latency`` seconds, times a lognormal factor of ``jitter``; half of them on the way there.

    ``capacity`` is how many rows a second it works off, one request after another; ``changes`` are times and new
    ones. In an outage, from and until a time, it refuses connections. ``latencies`` are times and new latencies.
    """

    latency: float
    jitter: float = 0.0
    bucket: Bucket | None = None
    retry_after: float | None = None
    capacity: float | None = None
    changes: Sequence[tuple[float, float]] = ()
    outages: Sequence[tuple[float, float]] = ()
    latencies: Sequence[tuple[float, float]] = ()
    immediate_429: bool = False
    _free_at: float = 0.0

    def seconds(self, now: float, rng: random.Random) -> float:
        """Return the round trip of a request sent now, without what it waits."""
        base = self.latency
        for at, latency in self.latencies:
            base = latency if now >= at else base
        return base * (rng.lognormvariate(0.0, self.jitter) if self.jitter else 1.0)

    def serve(self, rows: int, now: float) -> tuple[bool, float]:
        """Return whether a request that arrives now is accepted, and how long it waits."""
        if self.bucket is not None and not self.bucket.allows(rows, now):
            return False, 0.0
        capacity = self.capacity
        for at, new in self.changes:
            capacity = new if now >= at else capacity
        if capacity is None:
            return True, 0.0
        self._free_at = max(self._free_at, now) + rows / capacity
        return True, self._free_at - now

    def is_down(self, now: float) -> bool:
        """Return whether it is in an outage."""
        return any(begin <= now < end for begin, end in self.outages)


@dataclass
class SimulatedRun:
    """A run of so many ``rows``, and what became of it; its throttle has the slots and ``max_rate``.

    ``demand`` is how many requests it has at a time: a scan has one.
    """

    rows: int
    rows_per_request: int = 1
    starts_at: float = 0.0
    max_slots: int = 1_024
    min_slots: int = 1
    demand: float = math.inf
    max_rate: float | None = None
    refused: int = 0
    in_flight: int = 0
    max_in_flight: int = 0
    ended_at: float = math.inf
    latencies: list[tuple[float, float]] = field(default_factory=list)
    accepted: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._unsent = self.rows
        self._again: deque[int] = deque()
        self._left = self.rows
        self._timer = math.inf
        self._busy_until = self._busy_seconds = 0.0
        self.throttle = Throttle(
            self.max_slots, self.max_rate, min_slots=self.min_slots, cpu_seconds=lambda: self._busy_seconds
        )

    def work(self, seconds: float, now: float) -> float:
        """Return when the engine has done work of so many seconds, after what it has to do already."""
        self._busy_seconds += seconds
        self._busy_until = max(now, self._busy_until) + seconds
        return self._busy_until

    def next_rows(self) -> int:
        """Return the rows of the next batch."""
        return self._again[0] if self._again else min(self.rows_per_request, self._unsent)

    def take(self) -> int:
        """Remove the next batch from those to be sent."""
        if self._again:
            return self._again.popleft()
        rows = self.next_rows()
        self._unsent -= rows
        return rows

    def put_back(self, rows: int) -> None:
        """Send a batch again, before all others."""
        self._again.appendleft(rows)

    def record(self, rows: int, sent_at: float, now: float) -> None:
        """Record a batch that was accepted."""
        self._left -= rows
        self.latencies.append((now, now - sent_at))
        self.accepted[int(now / BIN_SECONDS)] = self.accepted.get(int(now / BIN_SECONDS), 0) + rows
        if not self._left:
            self.ended_at = now

    def rate(self, begin: float = 0.0, end: float = math.inf) -> float:
        """Return the rows accepted a second between two times, quarters of a second."""
        end = min(end, self.ended_at)
        bins = range(int(begin / BIN_SECONDS), math.ceil(end / BIN_SECONDS))
        return sum(self.accepted.get(number, 0) for number in bins) / (end - begin)

    def share(self, rate: float, burst: float) -> float:
        """Return the rate of the run as a share of what was allowed, without the first burst."""
        return (self.rows - burst) / (self.ended_at - self.starts_at) / rate

    def p95(self, begin: float, end: float = math.inf) -> float:
        """Return the 95th percentile of the latency of responses between two times."""
        return quantiles((seconds for at, seconds in self.latencies if begin <= at < end), n=20)[-1]


class Simulation:
    """Runs that share a service, until all have ended or the time is over."""

    def __init__(self, service: Service, runs: Sequence[SimulatedRun], *, seed: int = 0) -> None:
        self._service = service
        self._runs = runs
        self._rng = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()

    def run(self, max_seconds: float = 600.0) -> None:
        """Let time pass. A run that has not ended by then has an ``ended_at`` of infinity."""
        for run in self._runs:
            self._wake_at(run, run.starts_at)
        while self._events and any(run.ended_at == math.inf for run in self._runs):
            now, _, act = heapq.heappop(self._events)
            if now > max_seconds:
                break
            act(now)

    def _at(self, when: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), act))

    def _wake_at(self, run: SimulatedRun, when: float) -> None:
        if when < run._timer:
            run._timer = when
            self._at(when, lambda now: self._wake(run, now))

    def _wake(self, run: SimulatedRun, now: float) -> None:
        if now >= run._timer:
            run._timer = math.inf
            self._send(run, now)

    def _send(self, run: SimulatedRun, now: float) -> None:
        """Send what the throttle allows; the engine needs a little time for each request."""
        if not (rows := run.next_rows()) or run.in_flight >= run.demand:
            return
        wait = run.throttle.wait_seconds(run.in_flight, EPOCH + now, rows)
        if wait is None:
            return
        if wait:
            self._wake_at(run, now + math.ceil(wait / TIMER_SECONDS) * TIMER_SECONDS)
            return
        run.take()
        sent = run.throttle.sent(EPOCH + now, rows)
        run.in_flight += 1
        is_new = run.in_flight > run.max_in_flight  # as is its connection
        run.max_in_flight = max(run.max_in_flight, run.in_flight)
        seconds = self._service.seconds(now, self._rng)
        self._at(now + seconds / 2, lambda at: self._arrive(run, sent, at, seconds / 2))
        free_at = run.work(SEND_SECONDS + (CONNECT_SECONDS if is_new else 0.0), now)
        if run.in_flight < run.throttle.slots:  # the engine wakes no worker without a free slot
            self._wake_at(run, free_at)

    def _arrive(self, run: SimulatedRun, sent: Sent, now: float, way_back: float) -> None:
        if self._service.is_down(now):
            self._at(now + 1e-4, lambda at: self._fail(run, sent, at))
            return
        accepted, wait = self._service.serve(sent.rows, now)
        if not accepted and self._service.immediate_429:
            way_back = 1e-4
        self._at(now + wait + way_back, lambda at: self._receive(run, sent, at, accepted=accepted))

    def _receive(self, run: SimulatedRun, sent: Sent, now: float, *, accepted: bool) -> None:
        """Respond when the engine has time for it."""
        now = run.work(RESPONSE_SECONDS, now) - RESPONSE_SECONDS
        self._at(now, lambda at: self._respond(run, sent, at, accepted=accepted))

    def _respond(self, run: SimulatedRun, sent: Sent, now: float, *, accepted: bool) -> None:
        run.in_flight -= 1
        if accepted:
            run.throttle.responded(sent, EPOCH + now)
            run.record(sent.rows, sent.at - EPOCH, now)
        else:
            run.throttle.throttled(sent, self._service.retry_after, EPOCH + now, self._rng.random())
            run.refused += 1
            run.put_back(sent.rows)
        self._send(run, now)

    def _fail(self, run: SimulatedRun, sent: Sent, now: float) -> None:
        run.in_flight -= 1
        run.throttle.failed(sent.at, sent.at, 0.0, EPOCH + now, self._rng.random())
        run.put_back(sent.rows)
        self._send(run, now)


def simulate(service: Service, rows: int, *, max_rate: float | None = None, seed: int = 0) -> SimulatedRun:
    """Return a run of so many rows, alone."""
    run = SimulatedRun(rows, max_rate=max_rate)
    Simulation(service, [run], seed=seed).run()
    return run
