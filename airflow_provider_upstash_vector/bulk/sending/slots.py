"""How many requests may be in flight: found from how their latency follows their number. Pure.

If twice as many requests take as long as before, twice as many rows are written; if they take twice as long, they
only wait for each other. First the number is multiplied each round trip until latency rises, as in TCP's HyStart
(RFC 9406). Later it is tried a little higher and a little lower, in turns, and kept if that pays. Latency that
the client causes itself, while it is busy, shows nothing about the service, and a busy client sends no faster.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, log
from statistics import median

FIRST_SLOTS = 96  # fewer reach a thousand in flight a round trip later, more would overrun small limits at once
_GROWTH = 4.0  # a round trip; 1,024 slots are reached in two
_BASE_REQUESTS = 8  # those sent first do not wait for each other yet
_RISEN = 1.5  # times the base latency: a queue
_ROUND_SECONDS = 0.02  # a shorter round measures the event loop
_ROUND_ANSWERS = 64  # the median of fewer is not exact enough for a step
_MAX_ROUND_ANSWERS = 512
_STEP = 1.25
_MAX_STEP = 1.6
_PAYS = 0.5  # elasticity of latency below which more requests are more rows
_QUEUES = 0.8  # above which fewer requests are as many rows
_MAX_PAUSE = 8  # rounds between two trials that fail
_BUSY = 0.8  # of a round, in which the client is the bottleneck
_EVENT_LOOP_SECONDS = 0.01  # below, latency may be the client's own
_EVENT_LOOP_SLOTS = 16  # which keep it busy
_BUSY_SLOTS = 64  # with which it also waits for events less often


class Slots:
    """The number of requests that may be in flight, from ``floor`` to ``ceiling``.

    ``latency`` is the base latency. ``cpu_seconds`` returns the CPU time of the thread that sends.
    """

    def __init__(self, ceiling: int, cpu_seconds: Callable[[], float], floor: int = 1) -> None:
        self._ceiling = ceiling
        self._cpu_seconds = cpu_seconds
        self._floor = min(floor, ceiling)
        self.count = min(FIRST_SLOTS, ceiling)
        self.latency: float | None = None
        self._full = False  # in this round
        self._racing = True
        self._is_busy = False
        self._grown = float(self.count)
        self._first: dict[int, float] = {}
        self._before: tuple[int, float] | None = None  # slots and latency before a trial
        self._last = 0.0
        self._step = _STEP
        self._pause, self._pauses = 0, 2
        self._begin(self.count * 3 // 4, inf)

    def start(self, now: float) -> None:
        """Begin the first round, with the first request."""
        self._began, self._cpu_began = now, self._cpu_seconds()

    def _begin(self, number: int, now: float) -> None:
        """Begin a round with the request ``number``, which is not sent yet."""
        self._number, self._began, self._answers = number, now, list[float]()
        self._cpu_began = self._cpu_seconds()
        self._at_start = self.count
        self._needed = min(_MAX_ROUND_ANSWERS, max(_ROUND_ANSWERS, self.count // 2))
        self._full = False

    def _busy(self, now: float) -> float:
        """Return the share of the round in which the client has been busy."""
        return min(1.0, (self._cpu_seconds() - self._cpu_began) / max(now - self._began, 1e-6))

    def fill(self, next_number: int) -> None:
        """Record that all are in use; a round shows what so many bring only from then on."""
        if not self._full:
            self._full = True
            if not self._racing:
                self._number = next_number
                self._answers.clear()

    def accepted(self, number: int, sent_at: float, now: float, next_number: int) -> None:
        """Record the response to a request; ``next_number`` is that of the request sent next."""
        if number < _BASE_REQUESTS and len(self._first) < _BASE_REQUESTS:
            self._first[number] = now - sent_at
            self.latency = median(self._first.values())
        if self._racing:
            self._race(number, now - sent_at, now, next_number)
        elif number >= self._number:
            if len(self._answers) < self._needed:
                self._answers.append(now - sent_at)
            elif now - self._began >= _ROUND_SECONDS:
                self._is_busy = self._busy(now) > _BUSY
                self._end_round(max(median(self._answers), 1e-6))
                self._begin(next_number, now)

    def _race(self, number: int, seconds: float, now: float, next_number: int) -> None:
        answers = self._answers
        answers.append(seconds)
        base = self.latency or seconds
        idle = 1.0 - self._busy(now)  # the share of its latency that a request owes to the service
        pays = idle * seconds < max(0.002, _RISEN * base) and (idle > 1.0 - _BUSY or seconds > _EVENT_LOOP_SECONDS)
        if pays and self._full and self._grown < _GROWTH * self._at_start:
            self._grown = min(float(self._ceiling), self._grown + _GROWTH - 1.0)
            self.count = int(self._grown)
        if len(answers) % 16 == 0 and len(answers) >= 32:
            latency = median(answers[-32:])
            if latency > 0.003 and idle * latency > _RISEN * base:
                self._set(max(self._least(latency), len(answers) / (now - self._began) * base))
                self.stop_racing()
                self._begin(next_number, now)
                return
        if number >= self._number and len(answers) >= 16 and now - self._began >= _ROUND_SECONDS:
            self._is_busy = idle < 1.0 - _BUSY
            if self._at_start >= self._ceiling or self._is_busy:
                self.stop_racing()
                if self._is_busy and median(answers[-32:]) < _EVENT_LOOP_SECONDS:
                    self._set(min(self.count, _BUSY_SLOTS))
            self._begin(next_number, now)

    def stop_racing(self) -> None:
        """Grow no more by a multiple each round trip."""
        self._racing = False

    @property
    def racing(self) -> bool:
        """Whether they still grow by a multiple each round trip."""
        return self._racing

    def at_least(self, count: float) -> None:
        """Do not hinder a rate that needs so many."""
        if count > self.count:
            self._set(count)

    def _set(self, count: float) -> None:
        self.count = max(self._floor, min(self._ceiling, round(count)))
        self._grown = float(self.count)

    def _end_round(self, latency: float) -> None:
        if not self._full:
            if self._before is not None:  # nobody needs more
                self._set(self._before[0])
            self._before, self.latency, self._last = None, latency, latency
            return
        if self._before is None or self._before[0] == self.count:  # a rate may have needed as many
            self._before = None
            self._begin_trial(latency)
            return
        slots, before = self._before
        elasticity = log(latency / before) / log(self.count / slots)
        up = self.count > slots
        if elasticity < _PAYS if up else elasticity >= _QUEUES:
            self._step = min(_MAX_STEP, self._step * self._step) if up else self._step
            self._pauses = 2
            self._try(latency)
        else:
            self._set(slots)
            self._before = None
            self._step = 1.0 / _STEP if up else _STEP
            self._pause = self._pauses if up else 0
            self._pauses = min(_MAX_PAUSE, 2 * self._pauses)
        self._last = min(latency, before)

    def _begin_trial(self, latency: float) -> None:
        if self._last and latency > 2.0 * self._last:  # the service has become slower, or its limit lower
            self._step, self._pause = _STEP, 0
        self._last = latency
        self.latency = min(latency, 1.1 * (self.latency or latency))
        if self._pause:
            self._pause -= 1
            return
        self._try(latency)

    def _try(self, latency: float) -> None:
        before = self.count
        if self._step > 1.0:  # one more or less at least: a quarter of one request is none
            self._set(max(before + 1, before * self._step))
        else:
            least = min(before, self._least(latency))
            self._set(max(least, min(before - 1, before * self._step)))
        self._before = (before, latency) if self.count != before else None
        if self._before is None:  # the ceiling, or the least
            self._step = 1.0 / _STEP if self._step > 1.0 else _STEP
            self._pause = self._pauses

    def _least(self, latency: float) -> int:
        if latency >= _EVENT_LOOP_SECONDS:
            return 1
        return _BUSY_SLOTS if self._is_busy else _EVENT_LOOP_SLOTS
