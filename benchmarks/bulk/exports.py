"""The part with exports from the dev server: their rate to a bare loop over ``/range``, and their memory."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import bench_server
from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import Case
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, peak_mb, rate, ratio


def exports(bench: Bench) -> None:
    """Compare an export to Parquet with a loop over the same pages, and many vectors with few."""
    few, many = bench.rows(10_000), bench.rows(200_000)
    with tempfile.TemporaryDirectory(prefix="bench-bulk-exports-") as folder:
        runs = {}
        for count in (few, many):
            with bench_server.server(Path(folder, f"{count}.db")) as (_, url, _):
                bench_server.fill(url, count)
                case = Case(url=url, rows=count)
                names = ("export", "range_loop") if count == many else ("export",)
                runs[count] = interleaved({name: contender(name, case) for name in names}, bench.rounds)
    bench.results.add_runs("export", runs[many])
    bench.results.add_runs("export_few", runs[few])
    bench.results.add(
        Measurement(
            key="export_range",
            title=f"export of {many:,} vectors to Parquet, rate to a loop over /range",
            value=ratio(runs[many]["export"], runs[many]["range_loop"], rate),
            unit="x",
            low=0.8,
        ),
        Measurement(
            key="export_memory_growth",
            title=f"export of {many:,} vectors, peak memory to {few:,}",
            value=ratio(runs[many]["export"], runs[few]["export"], peak_mb),
            unit="x",
            high=1.15,
        ),
    )
