"""The parts that measure how much of what a service allows runs with defaults finds and uses."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.options import BulkOptions
from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import Case, Run
from benchmarks.bulk.limiting_server import Limits, figures, limiting_server
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, median, rate, ratio

_RATE = 1_000
# latency in s, burst, Retry-After, rows, the share of the limit to reach
_LIMITED = (
    (0.005, 50, None, 10_000, 0.9),
    (0.005, 100, None, 10_000, 0.9),
    (0.005, 1_000, None, 10_000, 0.9),
    (0.02, 50, None, 10_000, 0.9),
    (0.02, 1_000, None, 10_000, 0.9),
    (0.02, 50, 1, 20_000, 0.8),
    (0.2, 100, None, 20_000, 0.85),
    (0.5, 1_000, None, 30_000, 0.8),
)
# latency in ms, rows, and the fixed numbers of requests in flight of which the best counts
_UNLIMITED = ((0, 60_000, (16, 64)), (20, 40_000, (64, 256, 512)), (500, 30_000, (512, 1_024)))
_QUEUED = ((0.005, 1_000), (0.02, 1_000), (0.2, 500))
_SHARED = Limits(latency=0.02, rate=_RATE, burst=100)
_ROWS_OF_AN_ID = 8
_DEFAULT = BulkOptions.max_concurrency


def limited(bench: Bench) -> None:
    """Measure the share of a limit of 1,000 rows a second that is used, with defaults, from the first row on."""
    for latency, burst, retry_after, count, low in _LIMITED:
        rows = bench.rows(count)
        limits = Limits(latency=latency, rate=_RATE, burst=burst, retry_after=retry_after)
        run, found = _run(bench, limits, rows)
        title = f"{_RATE:,}/s allowed, {1000 * latency:g} ms, burst {burst:,}"
        title += f", Retry-After {retry_after}" if retry_after else ""
        key = f"limited_{1000 * latency:g}_{burst}" + ("_held" if retry_after else "")
        share = max(rows - burst, 1) / run.seconds / _RATE
        bench.results.add(
            Measurement(key=key, title=f"{title}, share used", value=share, unit="x", low=low),
            Measurement(
                key=f"{key}_refused",
                title=f"{title}, 429s",
                value=max(found["refused"], 1),
                unit="",
                high=1_024 + 0.01 * rows,
            ),
        )


def unlimited(bench: Bench) -> None:
    """Compare a run with defaults with the best fixed number of requests in flight."""
    for delay, rows, numbers in _UNLIMITED:
        case = Case(url=bench.sinks.plain[delay], rows=bench.rows(rows), connections=_DEFAULT)
        cases = {"default": case} | {f"fixed_{n}": replace(case, connections=n, fixed=True) for n in numbers}
        runs = interleaved({name: contender("ours", each) for name, each in cases.items()}, bench.rounds)
        bench.results.add_runs(f"own_speed_{delay}", runs)
        best = max(list(runs)[1:], key=lambda name: median(runs[name], rate))
        bench.results.add(
            Measurement(
                key=f"own_speed_{delay}",
                title=f"no limit, {delay} ms, rate to {best.replace('_', ' ')} in flight",
                value=ratio(runs["default"], runs[best], rate),
                unit="x",
                low=0.9,
            )
        )


def queued(bench: Bench) -> None:
    """Measure the latency of a server that answers one request after another."""
    for latency, capacity in _QUEUED:
        _, found = _run(bench, Limits(latency=latency, capacity=capacity), bench.rows(10 * capacity))
        bench.results.add(
            Measurement(
                key=f"queued_{1000 * latency:g}",
                title=f"a server that queues, {1000 * latency:g} ms, p95 of latency after 2 s",
                value=max(found["p95"], latency) / latency,
                unit="x",
                high=2.0,
            )
        )


def shared(bench: Bench) -> None:
    """Measure how evenly two runs with defaults share a limit, by their rows until the first of them has ended."""
    rows = bench.rows(10_000)
    shares = []
    for _ in range(min(bench.rounds, 3)):
        with limiting_server(_SHARED, bench.sinks.cores) as url, ThreadPoolExecutor() as threads:
            run = contender("ours", Case(url=url, rows=rows, connections=_DEFAULT))
            both = [threads.submit(run) for _ in range(2)]
            faster, slower = sorted(each.result().seconds for each in both)
            shares.append(1.0 - (slower - faster) * _RATE / rows)
    bench.results.add(
        Measurement(
            key="shared",
            title=f"{_RATE:,}/s for two runs, {1000 * _SHARED.latency:g} ms, rows of one to those of the other",
            value=statistics.median(shares),
            unit="x",
            low=0.5,
        )
    )


def in_order(bench: Bench) -> None:
    """Compare rows of which several in turn have the same id, which are sent one after another, with others."""
    case = Case(url=bench.sinks.plain[20], rows=bench.rows(40_000), connections=_DEFAULT)
    cases = {"sorted": replace(case, rows_per_id=_ROWS_OF_AN_ID), "others": case}
    runs = interleaved({name: contender("ours", each) for name, each in cases.items()}, bench.rounds)
    bench.results.add_runs("in_order", runs)
    bench.results.add(
        Measurement(
            key="in_order",
            title=f"rows sorted by id, {_ROWS_OF_AN_ID} of each, 20 ms, rate to rows with different ids",
            value=ratio(runs["sorted"], runs["others"], rate),
            unit="x",
            low=0.8,
        )
    )


def _run(bench: Bench, limits: Limits, rows: int) -> tuple[Run, dict[str, float]]:
    """Return the median run of several, each with a server of its own, and what that server counted."""
    runs = []
    for _ in range(min(bench.rounds, 3)):
        with limiting_server(limits, bench.sinks.cores) as url:
            run = contender("ours", Case(url=url, rows=rows, connections=_DEFAULT))()
            runs.append((run, figures(url)))
    runs.sort(key=lambda each: each[0].seconds)
    return runs[len(runs) // 2]
