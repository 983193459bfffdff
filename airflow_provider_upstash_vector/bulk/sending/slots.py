"""How many requests may be in flight: found from how their latency follows their number. Pure.

If twice as many requests take as long as before, twice as many rows are written; if they take twice as long, they
only wait for each other. First the number is multiplied each round trip until latency rises, as in TCP's HyStart
(RFC 9406). Later it is tried a little higher and a little lower, in turns, and kept if that pays.
"""

from __future__ import annotations

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
_EVENT_LOOP_SECONDS = 0.01  # below, latency may be the client's own
_EVENT_LOOP_SLOTS = 16  # which keep it busy


class Slots:
    """The number of requests that may be in flight, at most ``ceiling``; ``latency`` is the base latency."""

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self.count = min(FIRST_SLOTS, ceiling)
        self.latency: float | None = None
        self._full = False  # in this round
        self._racing = True
        self._grown = float(self.count)
        self._first: dict[int, float] = {}
        self._before: tuple[int, float] | None = None  # slots and latency before a trial
        self._last = 0.0
        self._step = _STEP
        self._pause, self._pauses = 0, 2
        self._begin(self.count * 3 // 4, inf)

    def _begin(self, number: int, now: float) -> None:
        """Begin a round with the request ``number``, which is not sent yet."""
        self._number, self._began, self._answers = number, now, list[float]()
        self._at_start = self.count
        self._full = False

    def fill(self, next_number: int) -> None:
        """Record that all are in use; a round shows what so many bring only from then on."""
        if not self._full:
            self._full = True
            if not self._racing:
                self._number = next_number
                self._answers.clear()

    def accepted(self, number: int, sent_at: float, now: float, next_number: int) -> None:
        """Record the response to a request; ``next_number`` is that of the request sent next."""
        seconds = max(now - sent_at, 1e-6)
        if self._began == inf:  # the first round begins with the first request
            self._began = sent_at
        if number < _BASE_REQUESTS and len(self._first) < _BASE_REQUESTS:
            self._first[number] = seconds
            self.latency = median(self._first.values())
        if self._racing:
            self._race(number, seconds, now, next_number)
        elif number >= self._number:
            self._answers.append(seconds)
            least = min(_MAX_ROUND_ANSWERS, max(_ROUND_ANSWERS, self.count // 2))
            if len(self._answers) >= least and now - self._began >= _ROUND_SECONDS:
                self._end_round(median(self._answers))
                self._begin(next_number, now)

    def _race(self, number: int, seconds: float, now: float, next_number: int) -> None:
        answers = self._answers
        answers.append(seconds)
        base = self.latency or seconds
        if self._full and seconds < max(0.002, _RISEN * base) and self._grown < _GROWTH * self._at_start:
            self._grown = min(float(self._ceiling), self._grown + _GROWTH - 1.0)
            self.count = int(self._grown)
        if len(answers) % 16 == 0 and len(answers) >= 32:
            latency = median(answers[-32:])
            if latency > _RISEN * base and latency > 0.003:
                self._set(max(_min_slots(latency), len(answers) / (now - self._began) * base))
                self.stop_racing()
                self._begin(next_number, now)
                return
        if number >= self._number and len(answers) >= 16 and now - self._began >= _ROUND_SECONDS:
            if self._at_start >= self._ceiling:
                self.stop_racing()
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
        self.count = max(1, min(self._ceiling, round(count)))
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
            self._set(max(min(before, _min_slots(latency)), min(before - 1, before * self._step)))
        self._before = (before, latency) if self.count != before else None
        if self._before is None:  # the ceiling, or the least
            self._step = 1.0 / _STEP if self._step > 1.0 else _STEP
            self._pause = self._pauses


def _min_slots(latency: float) -> int:
    return _EVENT_LOOP_SLOTS if latency < _EVENT_LOOP_SECONDS else 1
