"""What the throttle reaches, in simulated time, against services of every kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.simulated_service import Bucket, Service, SimulatedRun, Simulation, simulate

CEILING = 1_024
LONG = pytest.mark.long


def limited(latency: float, burst: float, jitter: float = 0.0, retry_after: float | None = None) -> Service:
    return Service(latency, jitter, Bucket(1_000, burst), retry_after)


@pytest.mark.parametrize(
    ("latency", "burst", "rows", "goal"),
    [
        (0.002, 100, 5_000, 0.9),
        (0.005, 50, 5_000, 0.9),
        (0.005, 100, 5_000, 0.9),
        (0.005, 1_000, 5_000, 0.9),
        (0.02, 50, 5_000, 0.9),
        (0.02, 1_000, 5_000, 0.9),
        (0.2, 100, 10_000, 0.85),
        (0.2, 1_000, 10_000, 0.85),
        pytest.param(0.5, 100, 30_000, 0.8, marks=LONG),
        (0.5, 1_000, 30_000, 0.8),
    ],
)
@pytest.mark.parametrize("jitter", [0.0, *(pytest.param(jitter, marks=LONG) for jitter in (0.1, 0.2, 0.3))])
def test_most_of_an_unknown_limit_is_used_from_the_first_row_on(
    latency: float, burst: float, rows: int, goal: float, jitter: float
) -> None:
    shares = []
    for seed in range(5 if jitter else 1):
        run = simulate(limited(latency, burst, jitter), rows, seed=seed)
        shares.append(run.share(1_000, burst))
        # a large burst hides the limit until it is spent, and jitter shuffles what would show it
        assert run.refused <= 1_024 + 0.01 * rows + (500 if jitter and latency >= 0.2 else 0)
        assert run.max_in_flight <= CEILING
    assert median(shares) >= goal
    assert min(shares) >= 0.9 * goal


@pytest.mark.parametrize("latency", [0.005, 0.02, pytest.param(0.2, marks=LONG)])
@pytest.mark.parametrize("burst", [50, 100, pytest.param(1_000, marks=LONG)])
@pytest.mark.parametrize(("jitter", "seeds"), [(0.0, 1), (0.1, 1), pytest.param(0.3, 10, marks=LONG)])
def test_a_retry_after_of_a_second_costs_little(latency: float, burst: float, jitter: float, seeds: int) -> None:
    shares = []
    for seed in range(seeds):
        run = simulate(limited(latency, burst, jitter, retry_after=1.0), 20_000, seed=seed)
        shares.append(run.share(1_000, burst))
        assert run.refused <= 1_024 + 200
    assert median(shares) >= (0.78 if latency == 0.2 else 0.8)
    assert min(shares) >= 0.6  # a rate that is thought to be lower is tried again after ten holds only


@pytest.mark.parametrize(("retry_after", "recovers"), [(None, 80), (5.0, 110)])
def test_a_rate_is_not_forgotten_while_everything_is_refused(retry_after: float | None, recovers: float) -> None:
    run = SimulatedRun(10**9)
    bucket = Bucket(100, 10, changes=[(20, 0), (60, 100)])
    Simulation(Service(0.02, 0.1, bucket, retry_after), [run]).run(recovers + 20)
    assert run.rate(recovers, recovers + 20) >= 75


@pytest.mark.parametrize("rate", [5, 50, 10_000])
def test_limits_of_any_rate_are_found(rate: int) -> None:
    rows = min(rate * 60, 20_000)
    run = simulate(Service(0.02, 0.1, Bucket(rate, rate / 10 + 1)), rows)
    assert run.share(rate, rate / 10 + 1) >= 0.8
    assert run.refused <= 1_024


@pytest.mark.parametrize(
    ("rows_per_request", "rate", "burst", "goal"),
    [
        (100, 1_000, 1_000, 0.9),
        (1_000, 10_000, 10_000, 0.9),
        (100, 10_000, 1_000, 0.9),
        (1_000, 1_000, 1_000, 0.6),
    ],
)
def test_a_limit_of_rows_is_found_if_whole_batches_are_refused(
    rows_per_request: int, rate: int, burst: int, goal: float
) -> None:
    run = SimulatedRun(60 * rate, rows_per_request)
    Simulation(Service(0.05, 0.1, Bucket(rate, burst)), [run]).run()
    assert run.share(rate, burst) >= goal
    assert run.refused <= 1_024


@pytest.mark.parametrize(("latency", "rows", "best"), [(0.02, 60_000, 20_000), (0.5, 30_000, 2_014)])
def test_without_a_limit_it_is_nearly_as_fast_as_the_best_fixed_number(
    latency: float, rows: int, best: float
) -> None:
    assert simulate(Service(latency), rows).rate() >= 0.9 * best


def test_no_more_are_in_flight_than_keep_the_client_busy() -> None:
    run = simulate(Service(0.0001), 20_000)
    assert run.rate() >= 0.95 * 20_000
    assert 64 <= run.throttle.slots <= 150


@pytest.mark.parametrize("jitter", [0.0, pytest.param(0.2, marks=LONG)])
@pytest.mark.parametrize(
    ("latency", "capacity"),
    [(0.005, 1_000), (0.005, 4_000), (0.02, 500), (0.02, 1_000), (0.02, 4_000), (0.2, 500)],
)
def test_a_service_that_queues_is_used_without_a_long_queue(
    latency: float, capacity: float, jitter: float
) -> None:
    run = simulate(Service(latency, jitter, capacity=capacity), int(6 * capacity))
    assert run.p95(2.5) <= 2.05 * latency * math.exp(1.645 * jitter)
    assert run.rate() >= 0.85 * capacity


@pytest.mark.parametrize("latency", [0.02, 0.2])
def test_a_limit_that_halves_and_returns_is_followed(latency: float) -> None:
    run = SimulatedRun(60_000)
    bucket = Bucket(1_000, 100, changes=[(10, 500), (20, 1_000)])
    Simulation(Service(latency, 0.1, bucket), [run]).run(45)
    assert run.rate(5, 10) >= 850
    assert run.rate(13, 20) >= 425
    assert run.rate(30, 45) >= 850


def test_latency_that_rises_and_falls_is_followed() -> None:
    run = SimulatedRun(10**9, max_slots=256)
    Simulation(Service(0.05, 0.1, latencies=[(2, 0.5), (8, 0.05)]), [run]).run(12)
    assert run.rate(5, 8) >= 0.8 * 256 / 0.5
    assert run.rate(10, 12) >= 0.6 * 256 / 0.05


def test_what_was_sent_without_a_rate_is_not_owed_to_one() -> None:
    run = SimulatedRun(10**9, max_slots=64)
    bucket = Bucket(1e6, 5e4, changes=[(3, 1_000)])
    Simulation(Service(0.02, latencies=[(1, 0.004)], bucket=bucket), [run]).run(20)
    assert run.rate(14, 20) >= 850


def test_an_outage_does_not_change_what_is_known() -> None:
    run = SimulatedRun(20_000)
    Simulation(Service(0.02, 0.1, Bucket(1_000, 100), outages=[(5, 8)]), [run]).run(30)
    assert run.rate(18) >= 850


@pytest.mark.parametrize("tasks", [2, 4])
@pytest.mark.parametrize("stagger", [0.0, 3.0])
def test_tasks_that_share_a_limit_get_fair_shares(tasks: int, stagger: float) -> None:
    runs = [SimulatedRun(10**9, starts_at=number * stagger) for number in range(tasks)]
    Simulation(limited(0.02, 100, 0.1), runs).run(40)
    shares = [run.rate(20, 40) for run in runs]
    assert sum(shares) >= 850
    assert min(shares) >= 0.6 * 1_000 / tasks


@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_a_scan_goes_on_beside_a_load_that_uses_all_of_a_limit(retry_after: float | None) -> None:
    scan, load = SimulatedRun(10**9, starts_at=5, demand=1), SimulatedRun(10**9)
    Simulation(limited(0.02, 100, 0.1, retry_after=retry_after), [scan, load]).run(45)
    assert scan.rate(5, 45) >= 0.8 / 0.02
    assert load.rate(5, 45) >= 800


def test_pages_that_become_larger_are_read_as_many_at_a_time() -> None:
    run = SimulatedRun(10**9, max_slots=64, min_slots=4, demand=4)
    Simulation(Service(0.02, latencies=[(0.1, 0.5)]), [run]).run(20)
    assert run.rate(1, 20) >= 0.9 * 4 / 0.5


def test_a_limit_of_rows_per_second_holds_beside_what_is_learnt() -> None:
    run = simulate(limited(0.02, 50), 3_000, max_rate=300)
    assert run.refused == 0
    assert 0.95 * 300 <= run.rate() <= 310
    assert simulate(limited(0.02, 50), 5_000, max_rate=3_000).share(1_000, 50) >= 0.9


def test_a_hold_is_obeyed_by_all_but_what_was_in_flight() -> None:
    run = SimulatedRun(5_000)
    Simulation(limited(0.02, 50, retry_after=1.0), [run]).run(30)
    times = sorted(at for at, _ in run.latencies)
    assert max(after - before for before, after in pairwise(times)) >= 1.0


services: list[Callable[[float, float], Service]] = [
    Service,
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 20)),
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 1)),
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 20), retry_after=0.5),
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 1), retry_after=0.5),
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 20), immediate_429=True),
    lambda latency, jitter: Service(latency, jitter, capacity=200),
    lambda latency, jitter: Service(latency, jitter, Bucket(200, 20, changes=[(2, 0), (12, 200)])),
    lambda latency, jitter: Service(latency, jitter, outages=[(0.5, 4)]),
    # rates, none, and a rate again: latency falls below that of which requests are spread
    lambda latency, jitter: Service(
        latency, jitter, Bucket(1e5, 5e3, [(0.5, 200)]), latencies=[(0.1, latency / 9)]
    ),
]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(services),
    st.sampled_from([0.0, 0.002, 0.02, 0.2, 2.0]),
    st.sampled_from([0.0, 0.5]),
    st.integers(1, 200),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_no_run_waits_for_ever(
    service: Callable[[float, float], Service], latency: float, jitter: float, ceiling: int, rows: int, seed: int
) -> None:
    run = SimulatedRun(1_000, max_slots=ceiling)
    Simulation(service(latency, jitter), [run], seed=seed).run(10_000 * rows)
    assert run.ended_at < math.inf
    assert run.max_in_flight <= ceiling


@pytest.mark.parametrize("allowed", [1, 20])
def test_the_rate_rises_again_when_a_limit_is_gone(allowed: float) -> None:
    run = SimulatedRun(10**9)
    Simulation(Service(0.02, 0.1, Bucket(allowed, 10, changes=[(20, 1_000)])), [run]).run(90)
    assert run.rate(80, 90) >= 850
