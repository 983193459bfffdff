"""The parts of the benchmark and their targets."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from upstash_vector import Index

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import DIMENSION, TOKEN, Case, Kind, make_rows
from benchmarks.bulk.copies import copies
from benchmarks.bulk.exports import exports
from benchmarks.bulk.mapped_tasks import mapped_tasks
from benchmarks.bulk.own_speed import in_order, limited, queued, shared, unlimited
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import Runs, contender, cpu_seconds, interleaved, median, peak_mb, rate, ratio, seconds
from benchmarks.bulk.sinks import CountingServer, Sinks
from benchmarks.bulk.syncs import syncs
from benchmarks.bulk.upserts import upserts
from tests.support.proxies import PASSWORD, USER, tinyproxy

_BY = {"": "", "tls": ", TLS", "proxy": ", TLS through a proxy"}
_SLOW_SECONDS = 40  # if a million rows take longer, there are fewer rounds


def updates(kind: Kind, title: str, low: float, *, ours: int, bare: int, by: str = "") -> Callable[[Bench], None]:
    """Return the part that compares updates of a ``kind`` with bare aiohttp, ``by`` TLS or a proxy as well."""

    def run(bench: Bench) -> None:
        part = f"{by}_{kind}" if by else kind
        with _way(bench.sinks, by) as way:
            case = Case(**way, rows=bench.rows(bare), kind=kind)
            own = replace(case, rows=bench.rows(ours))
            runs = interleaved({"ours": contender("ours", own), "bare": contender("bare", case)}, bench.rounds)
        bench.results.add_runs(part, runs)
        bench.results.add(
            Measurement(
                key=f"{part}_bare",
                title=f"{title}{_BY[by]}, rate to bare aiohttp",
                value=ratio(runs["ours"], runs["bare"], rate),
                unit="x",
                low=low,
            )
        )

    return run


@contextmanager
def _way(sinks: Sinks, by: str) -> Iterator[dict[str, Any]]:
    """Yield the URL and, over TLS, the certificate of cases, and the proxy."""
    if not by:
        yield {"url": sinks.plain[0]}
    elif by == "tls":
        yield {"url": sinks.tls, "certificate": sinks.certificate}
    else:
        with tempfile.TemporaryDirectory(prefix="bench-bulk-proxy-") as folder:
            cores = os.sched_getaffinity(0)
            os.sched_setaffinity(0, sinks.cores)  # inherited by the proxy
            with tinyproxy(Path(folder), "MaxClients 100") as port:
                os.sched_setaffinity(0, cores)
                proxy = f"http://{USER}:{PASSWORD}@127.0.0.1:{port}"
                yield {"url": sinks.tls_by_address, "certificate": sinks.certificate, "proxy": proxy}


def vendor(bench: Bench) -> None:
    """Compare with the vendor's SDK."""
    counts = {"ours": 60_000, "vendor_async": 600, "vendor_sync": 1_500}
    runs = interleaved(
        {
            name: contender(name, Case(url=bench.sinks.plain[0], rows=bench.rows(count)))
            for name, count in counts.items()
        },
        bench.rounds,
    )
    bench.results.add_runs("vendor", runs)
    for name, label, low in (("vendor_async", "AsyncIndex", 20), ("vendor_sync", "Index", 8)):
        value = ratio(runs["ours"], runs[name], rate)
        bench.results.add(
            Measurement(
                key=name, title=f"metadata, rate to upstash-vector {label}", value=value, unit="x", low=low
            )
        )


def delays(bench: Bench) -> None:
    """Compare with the highest rate that a delay allows."""
    for delay, connections, count, low in ((20, 64, 6_400, 0.95), (500, 512, 20_480, 0.9)):
        case = Case(url=bench.sinks.plain[delay], rows=bench.rows(count), connections=connections)
        runs = interleaved({name: contender(name, case) for name in ("ours", "bare")}, bench.rounds)
        bench.results.add_runs(f"delay_{delay}", runs)
        highest = connections * 1000 / delay
        bench.results.add(
            Measurement(
                key=f"delay_{delay}",
                title=f"{delay} ms, {connections} connections, ratio to {highest:,.0f}/s",
                value=median(runs["ours"], rate) / highest,
                unit="x",
                low=low,
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
        Measurement(
            key="bytes",
            title=f"bytes of an update of {DIMENSION:,} dimensions ({ours:,} B), ratio to the SDK's",
            value=ours / theirs,
            unit="x",
            high=0.6,
        )
    )


def files(bench: Bench) -> None:
    """Compare a file of a million updates with one of 100,000."""
    runs = _file_runs(bench, bench.rounds, Case(url=bench.sinks.plain[0], rows=0))
    bench.results.add_runs("files", runs)
    small, large = runs["rows_100k"], runs["rows_1m"]
    _add_memory(bench, "file", "a million rows of JSON Lines", runs)
    for key, title, figure in (("seconds", "time", seconds), ("cpu_seconds", "CPU time", cpu_seconds)):
        bench.results.add(
            Measurement(
                key=f"file_{key}",
                title=f"a million rows of JSON Lines, {title} to 100,000",
                value=ratio(large, small, figure),
                unit="x",
                low=8.5,
                high=11.5,
            )
        )


def upsert_files(bench: Bench) -> None:
    """Compare the memory of a million upserts of texts with that of 100,000."""
    case = Case(url=bench.sinks.plain[0], rows=0, kind="text", rows_per_request=1_000)
    runs = _file_runs(bench, 1, case)
    bench.results.add_runs("upsert_files", runs)
    _add_memory(bench, "upsert_file", "a million upserts of texts", runs)


def _file_runs(bench: Bench, rounds: int, case: Case) -> Runs:
    counts = {"rows_100k": bench.rows(100_000), "rows_1m": bench.rows(1_000_000)}
    with tempfile.TemporaryDirectory(prefix="bench-bulk-files-") as folder:
        cases = {}
        for name, count in counts.items():
            path = Path(folder, f"{name}.jsonl")
            _write_rows(path, case.kind, count)
            cases[name] = contender("ours", replace(case, rows=count, path=str(path)))
        runs = interleaved(cases, 1)
        if runs["rows_1m"][0].seconds > _SLOW_SECONDS:
            rounds = min(rounds, 3)
            print(f"    files: a million rows take over {_SLOW_SECONDS} s: {rounds} rounds")
        more = interleaved(cases, rounds - 1)
        return {name: own + more[name] for name, own in runs.items()}


def _add_memory(bench: Bench, key: str, title: str, runs: Runs) -> None:
    small, large = runs["rows_100k"], runs["rows_1m"]
    memory, growth = median(large, peak_mb), ratio(large, small, peak_mb)
    bench.results.add(
        Measurement(key=f"{key}_memory", title=f"{title}, peak memory", value=memory, unit="MB", high=120),
        Measurement(
            key=f"{key}_memory_growth",
            title=f"{title}, peak to 100,000",
            value=growth,
            unit="x",
            low=0.9,
            high=1.1,
        ),
    )


def mapped(bench: Bench) -> None:
    """Compare with one mapped task per row."""
    ours = contender("ours", Case(url=bench.sinks.plain[0], rows=bench.rows(60_000)))
    with mapped_tasks(bench.sinks.plain[0], 4 if bench.quick else 40) as run_dag:
        runs = interleaved({"ours": ours, "mapped_tasks": run_dag}, bench.rounds)
    bench.results.add_runs("mapped", runs)
    value = ratio(runs["ours"], runs["mapped_tasks"], rate)
    bench.results.add(
        Measurement(
            key="mapped", title="metadata, rate to one mapped task per row", value=value, unit="x", low=1000
        )
    )


PARTS: dict[str, Callable[[Bench], None]] = {
    "metadata": updates("metadata", "metadata", 2, ours=60_000, bare=20_000),
    "numpy": updates("numpy", f"{DIMENSION:,} dimensions from numpy", 1.1, ours=8_000, bare=8_000),
    "lists": updates("lists", f"{DIMENSION:,} dimensions from lists", 1.0, ours=8_000, bare=8_000),
    "tls_metadata": updates("metadata", "metadata", 1.8, ours=40_000, bare=15_000, by="tls"),
    "tls_numpy": updates("numpy", f"{DIMENSION:,} dimensions from numpy", 1.0, ours=6_000, bare=6_000, by="tls"),
    "tls_lists": updates("lists", f"{DIMENSION:,} dimensions from lists", 0.95, ours=6_000, bare=6_000, by="tls"),
    "proxy_metadata": updates("metadata", "metadata", 1.8, ours=15_000, bare=15_000, by="proxy"),
    "proxy_numpy": updates(
        "numpy", f"{DIMENSION:,} dimensions from numpy", 1.0, ours=4_000, bare=4_000, by="proxy"
    ),
    "proxy_lists": updates(
        "lists", f"{DIMENSION:,} dimensions from lists", 0.95, ours=4_000, bare=4_000, by="proxy"
    ),
    "upsert_100": upserts(100),
    "upsert_1000": upserts(1_000),
    "vendor": vendor,
    "delays": delays,
    "limited": limited,
    "unlimited": unlimited,
    "queued": queued,
    "shared": shared,
    "in_order": in_order,
    "bytes": wire_bytes,
    "files": files,
    "upsert_files": upsert_files,
    "exports": exports,
    "copy": copies,
    "sync": syncs,
    "mapped": mapped,
}


def _write_rows(path: Path, kind: Kind, count: int) -> None:
    sample = make_rows(kind, min(count, 10_000))
    with path.open("w") as file:
        for number in range(count):
            row = {**sample[number % len(sample)], "id": f"doc-{number}"}
            file.write(json.dumps(row) + os.linesep)
