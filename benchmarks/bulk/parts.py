"""The parts of the benchmark, each with what is wanted of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from upstash_vector import Index

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from benchmarks.bulk.contenders import DIMENSION, TOKEN, Case, Kind, made_rows
from benchmarks.bulk.mapped_tasks import mapped_tasks
from benchmarks.bulk.results import Measured, Results
from benchmarks.bulk.rounds import contender, cpu_seconds, interleaved, median, peak_mb, rate, ratio, seconds
from benchmarks.bulk.sinks import CountingServer

_QUICK = 100  # so many times fewer rows
_PATIENCE_SECONDS = 40  # where a million rows take longer, they are sent fewer times


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the parts need: the sinks by delay, how many rounds, and where results go."""

    sinks: dict[int, str]
    rounds: int
    quick: bool
    results: Results

    def rows(self, count: int) -> int:
        """Return how many rows to send, of what a whole benchmark sends."""
        return max(count // _QUICK, 40) if self.quick else count


def against_bare(bench: Bench, kind: Kind, *, ours: int, bare: int, low: float, what: str) -> None:
    """Compare with the least that could be written."""
    runs = interleaved(
        {
            "ours": contender("ours", Case(url=bench.sinks[0], rows=bench.rows(ours), kind=kind)),
            "bare": contender("bare", Case(url=bench.sinks[0], rows=bench.rows(bare), kind=kind)),
        },
        bench.rounds,
    )
    bench.results.add_runs(kind, runs)
    value = ratio(runs["ours"], runs["bare"], rate)
    bench.results.add(
        Measured(key=f"{kind}_bare", what=f"{what}, rate to bare aiohttp", value=value, unit="x", low=low)
    )


def metadata(bench: Bench) -> None:
    """Compare metadata-only rows with bare aiohttp."""
    against_bare(bench, "metadata", ours=60_000, bare=20_000, low=0.85, what="metadata")


def numpy(bench: Bench) -> None:
    """Compare vectors from a numpy array with bare aiohttp."""
    against_bare(
        bench, "numpy", ours=8_000, bare=8_000, low=0.85, what=f"{DIMENSION:,} dimensions from numpy float32"
    )


def lists(bench: Bench) -> None:
    """Compare vectors from lists with bare aiohttp."""
    against_bare(bench, "lists", ours=8_000, bare=8_000, low=0.75, what=f"{DIMENSION:,} dimensions from lists")


def vendor(bench: Bench) -> None:
    """Compare with the vendor's SDK."""
    counts = {"ours": 60_000, "vendor_async": 600, "vendor_sync": 1_500}
    runs = interleaved(
        {
            name: contender(name, Case(url=bench.sinks[0], rows=bench.rows(count)))
            for name, count in counts.items()
        },
        bench.rounds,
    )
    bench.results.add_runs("vendor", runs)
    for name, shown, low in (("vendor_async", "AsyncIndex", 20), ("vendor_sync", "Index", 8)):
        value = ratio(runs["ours"], runs[name], rate)
        bench.results.add(
            Measured(key=name, what=f"metadata, rate to upstash-vector {shown}", value=value, unit="x", low=low)
        )


def delays(bench: Bench) -> None:
    """See how much of what a delay allows is used."""
    for delay, connections, count, part in ((20, 64, 6_400, 0.88), (500, 512, 5_120, 0.9)):
        case = Case(url=bench.sinks[delay], rows=bench.rows(count), connections=connections)
        runs = interleaved({name: contender(name, case) for name in ("ours", "bare")}, bench.rounds)
        bench.results.add_runs(f"delay_{delay}", runs)
        allowed = connections * 1000 / delay
        bench.results.add(
            Measured(
                key=f"delay_{delay}",
                what=f"{delay} ms, {connections} connections, part of {allowed:,.0f}/s",
                value=median(runs["ours"], rate) / allowed,
                unit="x",
                low=part,
            )
        )


def wire_bytes(bench: Bench) -> None:
    """Count the bytes of one update of 1,536 dimensions."""
    vector = np.random.default_rng(1).standard_normal(DIMENSION)
    server = CountingServer()
    row = {"id": "doc-1", "vector": vector}
    bulk.update([row], Endpoint.of(server.url, TOKEN), check_index=False, progress="none")
    Index(server.url, TOKEN).update("doc-1", vector.tolist())
    server.close()
    ours, theirs = server.requests
    bench.results.add(
        Measured(
            key="bytes",
            what=f"bytes of an update of {DIMENSION:,} dimensions ({ours:,} B), part of the SDK's",
            value=ours / theirs,
            unit="x",
            high=0.6,
        )
    )


def files(bench: Bench) -> None:
    """Compare a million rows of a file with 100,000."""
    counts = {"rows_100k": bench.rows(100_000), "rows_1m": bench.rows(1_000_000)}
    with tempfile.TemporaryDirectory(prefix="bench-bulk-files-") as folder:
        cases = {}
        for name, count in counts.items():
            path = Path(folder, f"{name}.jsonl")
            _write_rows(path, count)
            cases[name] = contender("ours", Case(url=bench.sinks[0], rows=count, path=str(path)))
        runs = interleaved(cases, 1)
        rounds = bench.rounds
        if runs["rows_1m"][0].seconds > _PATIENCE_SECONDS:
            rounds = min(rounds, 3)
            print(f"    files: a million rows take over {_PATIENCE_SECONDS} s here: {rounds} runs")
        more = interleaved(cases, rounds - 1)
        runs = {name: own + more[name] for name, own in runs.items()}
    bench.results.add_runs("files", runs)
    small, large = runs["rows_100k"], runs["rows_1m"]
    memory, growth = median(large, peak_mb), ratio(large, small, peak_mb)
    wall, cpu = ratio(large, small, seconds), ratio(large, small, cpu_seconds)
    million = "a million rows of JSON Lines"
    bench.results.add(
        Measured(key="file_memory", what=f"{million}, peak memory", value=memory, unit="MB", high=120),
        Measured(
            key="file_memory_growth", what=f"{million}, peak to 100,000", value=growth, unit="x", low=0.9, high=1.1
        ),
        Measured(key="file_seconds", what=f"{million}, time to 100,000", value=wall, unit="x", low=8.5, high=11.5),
        Measured(
            key="file_cpu_seconds",
            what=f"{million}, processor time to 100,000",
            value=cpu,
            unit="x",
            low=8.5,
            high=11.5,
        ),
    )


def mapped(bench: Bench) -> None:
    """Compare with one mapped task per row."""
    ours = contender("ours", Case(url=bench.sinks[0], rows=bench.rows(60_000)))
    with mapped_tasks(bench.sinks[0], 4 if bench.quick else 40) as run_dag:
        runs = interleaved({"ours": ours, "mapped_tasks": run_dag}, bench.rounds)
    bench.results.add_runs("mapped", runs)
    value = ratio(runs["ours"], runs["mapped_tasks"], rate)
    bench.results.add(
        Measured(key="mapped", what="metadata, rate to one mapped task per row", value=value, unit="x", low=1000)
    )


PARTS: dict[str, Callable[[Bench], None]] = {
    "metadata": metadata,
    "numpy": numpy,
    "lists": lists,
    "vendor": vendor,
    "delays": delays,
    "bytes": wire_bytes,
    "files": files,
    "mapped": mapped,
}


def _write_rows(path: Path, count: int) -> None:
    some = made_rows("metadata", min(count, 10_000))
    with path.open("w") as file:
        for number in range(count):
            row = {"id": f"doc-{number}", "metadata": some[number % len(some)]["metadata"]}
            file.write(json.dumps(row) + os.linesep)
