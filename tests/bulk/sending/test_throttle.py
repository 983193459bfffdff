from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_upstash_vector.bulk.sending.measurement import Sent
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle

moments = st.floats(0, 5)
waits = st.just(0.0) | st.floats(0.001, 20)


@dataclass
class InFlight:
    """A request in flight."""

    sent: Sent
    unproven_since: float


class ThrottleMachine(RuleBasedStateMachine):
    @initialize(
        slots=st.integers(1, 40),
        rate=st.none() | st.floats(0.1, 5_000),
        now=st.floats(0, 1e6),
        responded=st.booleans(),
    )
    def begin(self, slots: int, rate: float | None, now: float, responded: bool) -> None:
        self.worked_at = now if responded else None
        self.throttle = Throttle(
            slots,
            rate,
            worked_at=self.worked_at,
            first_probe_backoff_seconds=1.0,
            max_probe_backoff_seconds=4.0,
        )
        self.max_slots, self.rate, self.now = slots, rate, now
        self.in_flight: list[InFlight] = []
        self.again: list[float] = []
        self.outage: list[float] = []  # when it began, and its failures
        self.probes: list[InFlight] = []
        self.probe_at = 0.0
        self.sent_at: list[float] = []
        self.holds: list[tuple[float, float]] = []
        self.held = 0.0

    @rule(seconds=moments)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(wish=st.integers(1, 60))
    def send_as_many_as_allowed(self, wish: int) -> None:
        for _ in range(wish):
            wait = self.throttle.wait_seconds(len(self.in_flight), self.now)
            if wait != 0.0:
                break
            assert all(end <= self.now for _, end in self.holds)
            assert not self.outage or (not self.probes and self.now >= self.probe_at)
            self.sent_at.append(self.now)
            self.now += 1e-6
            since = self.again.pop() if self.again else self.now
            request = InFlight(self.throttle.sent(self.now), since)
            self.in_flight.append(request)
            if self.outage:
                self.probes.append(request)
            assert len(self.in_flight) <= self.throttle.slots <= self.max_slots

    def end_one(self, data: st.DataObject) -> InFlight:
        return self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    def end_outage(self) -> None:
        if self.outage:
            self.holds.append((self.outage[0], self.now))
        self.outage, self.probes = [], []

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        self.throttle.responded(self.end_one(data).sent, self.now)
        self.worked_at = self.now
        self.end_outage()
        assert self.throttle.seconds_throttled(self.now) == 0

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), retry_after=waits, random_value=st.floats(0, 1))
    def fail(self, data: st.DataObject, retry_after: float, random_value: float) -> None:
        request, before = self.end_one(data), self.throttle.slots
        down = self.throttle.failed(request.unproven_since, request.sent.at, retry_after, self.now, random_value)
        assert down == (self.worked_at is not None and self.worked_at <= request.unproven_since)
        self.again.append(request.unproven_since if down else self.now)
        if request in self.probes:
            self.probes.remove(request)
            self.hold_for_a_probe(retry_after)
        elif self.throttle.failed_probes and not self.outage:
            assert down
            self.hold_for_a_probe(retry_after)
        assert self.throttle.failed_probes == len(self.outage)
        assert self.throttle.slots == before

    def hold_for_a_probe(self, retry_after: float) -> None:
        self.outage.append(self.now)
        backoff = min(4.0, 2.0 ** (len(self.outage) - 1))
        self.probe_at = self.now + max(retry_after, backoff / 2)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), retry_after=st.none() | waits, random_value=st.floats(0, 1))
    def throttle_one(self, data: st.DataObject, retry_after: float | None, random_value: float) -> None:
        self.throttle.throttled(self.end_one(data).sent, retry_after, self.now, random_value)
        self.end_outage()
        if retry_after:
            assert (self.throttle.wait_seconds(0, self.now) or 0.0) >= retry_after - 1e-6
        hold = self.throttle.held_seconds(self.now + 1_000) - self.throttle.held_seconds(self.now)
        if hold > 0:
            self.holds.append((self.now, self.now + hold))

    @invariant()
    def slots_stay_within_their_bounds(self) -> None:
        assert 1 <= self.throttle.slots <= self.max_slots

    @invariant()
    def the_time_held_is_the_union_of_the_holds(self) -> None:
        union, reached = 0.0, 0.0
        outage = [(self.outage[0], self.now)] if self.outage else []
        for begin, end in sorted([*self.holds, *outage]):
            begin, end = max(begin, reached), min(end, self.now)  # noqa: PLW2901 - the part not counted yet
            union += max(0.0, end - begin)
            reached = max(reached, end)
        held = self.throttle.held_seconds(self.now)
        assert held == pytest.approx(union, abs=1e-4)
        assert held >= self.held - 1e-6
        self.held = held

    @invariant()
    def waiting_as_long_as_it_says_is_enough(self) -> None:
        if self.probes:
            assert self.throttle.wait_seconds(0, self.now + 100) is None
            return
        now = self.now
        for _ in range(
            60
        ):  # the hold, then a token, at a rate that falls with time as long as nothing is accepted
            wait = self.throttle.wait_seconds(0, now)
            assert wait is not None
            if not wait:
                break
            now += wait * (1 + 1e-9) + 1e-6
        else:
            pytest.fail(f"still {wait} s to wait")
        self.now = now

    def teardown(self) -> None:
        if getattr(self, "rate", None):
            burst = max(1.0, self.rate * 0.1)  # type: ignore[operator]  # it is a number here
            for first, begin in enumerate(self.sent_at):
                for last in range(first, len(self.sent_at)):
                    seconds = self.sent_at[last] - begin
                    assert last - first + 1 <= self.rate * seconds + burst + 1e-3  # type: ignore[operator]  # as above


TestThrottle = ThrottleMachine.TestCase


def send(throttle: Throttle, now: float, wish: int = 10_000) -> list[Sent]:
    """Send what may go at once."""
    sent: list[Sent] = []
    while len(sent) < wish and throttle.wait_seconds(len(sent), now) == 0:
        sent.append(throttle.sent(now))
    return sent


def test_without_a_rate_only_the_slots_limit() -> None:
    throttle = Throttle(2, None)
    assert throttle.wait_seconds(0, 7.0) == 0
    assert throttle.wait_seconds(1, 7.0) == 0
    assert throttle.wait_seconds(2, 7.0) is None


def test_a_rate_lets_a_tenth_of_a_second_go_at_once() -> None:
    throttle = Throttle(1000, 100.0)
    assert len(send(throttle, 50.0)) == 10
    assert throttle.wait_seconds(10, 50.0) == pytest.approx(0.01)


def test_a_first_429_leaves_little_until_something_is_accepted() -> None:
    throttle = Throttle(64, None)
    first, *others = send(throttle, 10.0)
    assert len(others) == 63
    throttle.throttled(first, None, 11.0, 0.5)
    assert len(send(throttle, 11.0)) <= 1
    assert 0 < len(send(throttle, 12.0)) <= 3


def test_backoffs_double_up_to_half_a_minute_until_a_response_comes() -> None:
    throttle, now, waits = Throttle(64, None), 1000.0, []
    throttle.responded(throttle.sent(now - 0.1), now)
    throttle.throttled(throttle.sent(now), None, now, 1.0)
    for _ in range(9):
        now += 1.0  # more than a few latencies
        throttle.throttled(throttle.sent(now - 0.1), None, now, 1.0)
        wait = throttle.wait_seconds(0, now)
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    assert throttle.seconds_throttled(now) == pytest.approx(now - 1000)
    assert throttle.slots == 2
    throttle.responded(throttle.sent(now), now)
    assert throttle.seconds_throttled(now) == 0
    assert throttle.slots > 2


def test_retry_after_holds_all_requests_and_a_longer_one_holds_longer() -> None:
    throttle = Throttle(8, None)
    requests = send(throttle, 99.0)
    throttle.throttled(requests[0], 3.0, 100.0, 0.5)
    throttle.throttled(requests[1], 7.0, 101.0, 0.5)
    throttle.throttled(requests[2], 1.0, 102.0, 0.5)
    assert throttle.wait_seconds(0, 102.0) == pytest.approx(6.0)
    assert throttle.held_seconds(200.0) == pytest.approx(8.0)


def test_a_retry_after_of_0_holds_nothing_for_long() -> None:
    throttle = Throttle(8, None)
    first, *others = send(throttle, 99.9)
    throttle.throttled(first, 0.0, 100.0, 1.0)
    for request in others:
        throttle.responded(request, 100.0)
    assert (throttle.wait_seconds(0, 100.0) or 0.0) < 0.1


def test_an_outage_is_probed_by_one_request_at_a_time_until_any_responds() -> None:
    throttle = Throttle(64, None, worked_at=0.0)
    assert not throttle.failed(-1.0, -1.0, 0.0, 1.0, 1.0), "another request had a response since"
    assert all(throttle.failed(1.0, 1.0, 0.0, 2.0, 1.0) for _ in range(64))
    assert throttle.failed_probes == 1
    assert throttle.wait_seconds(0, 2.0) == pytest.approx(0.5)
    probe = throttle.sent(2.5)
    assert throttle.wait_seconds(1, 3.0) is None
    assert throttle.failed(1.0, 2.5, 0.0, 3.0, 1.0)
    assert throttle.wait_seconds(0, 3.0) == pytest.approx(1.0)
    assert throttle.seconds_down(3.0) == pytest.approx(2.0)
    throttle.responded(probe, 3.5)
    assert throttle.wait_seconds(63, 3.5) == 0
    assert throttle.held_seconds(9.0) == pytest.approx(1.5)


def test_before_the_first_response_no_failure_is_the_services() -> None:
    throttle = Throttle(64, None)
    assert not throttle.failed(1.0, 1.0, 0.0, 2.0, 1.0)
    assert throttle.wait_seconds(0, 2.0) == 0
