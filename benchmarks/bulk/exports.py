"""The part with exports: their rate to a bare loop over ``/range``, and their memory."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import Case
from benchmarks.bulk.pages import pages
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, peak_mb, rate, ratio

_DIMENSION = 384
_MEMORY_ROUNDS = 2  # it varies little


def exports(bench: Bench) -> None:
    """Compare an export to Parquet with a loop over the same pages, and many vectors with few."""
    rows, few, many = bench.rows(20_000), bench.rows(10_000), bench.rows(200_000)
    for delay, key, label, low in (
        (20, "export_range", "20 ms a page", 0.8),
        (0, "export_range_0", "at once", 0.5),
    ):
        with pages(bench.sinks, rows, _DIMENSION, delay) as url:
            case = Case(url=url, rows=rows)
            names = ("export", "range_loop")
            runs = interleaved({name: contender(name, case) for name in names}, bench.rounds)
        bench.results.add_runs(key, runs)
        bench.results.add(
            Measurement(
                key=key,
                title=f"export to Parquet, {label}, rate to a bare loop over /range",
                value=ratio(runs["export"], runs["range_loop"], rate),
                unit="x",
                low=low,
            )
        )
    with ExitStack() as servers:
        cases = {
            name: Case(url=servers.enter_context(pages(bench.sinks, count, _DIMENSION)), rows=count)
            for name, count in (("many", many), ("few", few))
        }
        runs = interleaved(
            {name: contender("export", case) for name, case in cases.items()}, min(bench.rounds, _MEMORY_ROUNDS)
        )
    bench.results.add_runs("export_memory", runs)
    bench.results.add(
        Measurement(
            key="export_memory_growth",
            title=f"export of {many:,} vectors to Parquet, peak memory to {few:,}",
            value=ratio(runs["many"], runs["few"], peak_mb),
            unit="x",
            high=1.25,  # the first pages fill buffers of the allocator and of a row group
        )
    )
