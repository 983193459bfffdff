"""The parts with upserts of vectors, from numpy and from Parquet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import DIMENSION, Case, make_rows
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, rate, ratio


def upserts(rows_per_request: int) -> Callable[[Bench], None]:
    """Return the part that compares upserts with ``rows_per_request`` with aiohttp and the vendor's SDK."""

    def run(bench: Bench) -> None:
        part, size = f"upsert_{rows_per_request}", f"{rows_per_request:,} rows a request"
        rows = max(bench.rows(8_000), 2 * rows_per_request)
        case = Case(url=bench.sinks.plain[0], rows=rows, kind="numpy", rows_per_request=rows_per_request)
        # twice the rows a second that the service allows an index, half a second a request
        slow = replace(case, url=bench.sinks.plain[500], connections=max(1, 1_000 // rows_per_request))
        with tempfile.TemporaryDirectory(prefix="bench-bulk-parquet-") as folder:
            path = str(Path(folder, "rows.parquet"))
            write_parquet(path, rows)
            runs = interleaved(
                {
                    "ours": contender("ours", case),
                    "ours_parquet": contender("ours", replace(case, path=path)),
                    "bare": contender("bare", case),
                    "ready": contender("ready", case),
                    "vendor_sync": contender(
                        "vendor_sync", replace(case, rows=max(bench.rows(1_000), rows_per_request))
                    ),
                },
                bench.rounds,
            )
            delayed = interleaved(
                {
                    "ours": contender("ours", slow),
                    "ours_parquet": contender("ours", replace(slow, path=path)),
                    "ready": contender("ready", slow),
                },
                bench.rounds,
            )
        bench.results.add_runs(part, runs)
        bench.results.add_runs(f"{part}_delay", delayed)
        for ours, source in (("ours", "numpy"), ("ours_parquet", "Parquet")):
            for own, other, label, low in (
                (runs, "bare", "aiohttp", 0.9),
                (runs, "vendor_sync", "upstash-vector Index", 5),
                (delayed, "ready", "aiohttp with ready bodies, 500 ms", 0.9),
            ):
                bench.results.add(
                    Measurement(
                        key=f"{part}_{source.lower()}_{other}",
                        title=f"upsert from {source}, {size}, rate to {label}",
                        value=ratio(own[ours], own[other], rate),
                        unit="x",
                        low=low,
                    )
                )

    return run


def write_parquet(path: str, count: int) -> None:
    """Write the rows of the kind ``numpy``."""
    rows = make_rows("numpy", count)
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate([row["vector"] for row in rows])), DIMENSION
    )
    parquet.write_table(
        pa.table({"id": [row["id"] for row in rows], "vector": vectors}), path, row_group_size=2_000
    )
