"""The part with syncs of the dev server, 1 % of whose vectors have changed, and with the join alone.

``python -m benchmarks.bulk.syncs NAME JSON`` prints the figures of one.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import TOKEN, Case, Run, measured
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, median, peak_mb, rate, ratio

_DIMENSION = 8
_PAGE = 1_000
_CHANGED = 100  # one of so many


def sync(case: Case) -> Run:
    """Sync the rows of a file; check that as many operations are billed as pages are read and vectors changed."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    def run() -> int:
        report = bulk.sync(
            case.path,
            Endpoint.of(case.url, TOKEN),
            scope="all",
            delete_missing=True,
            max_delete=0,
            progress="none",
        )
        expected = {"written": -(-case.rows // _CHANGED), "read": -(-case.rows // _PAGE)}
        assert report.operations == expected, f"{report}, and not {expected}"
        return report.rows

    return measured(run, case.rows)


def join(case: Case) -> Run:
    """Join as many rows with as many vectors, without reading or sending anything."""
    from airflow_provider_upstash_vector.bulk.syncing.decision import Action, Wanted
    from airflow_provider_upstash_vector.bulk.syncing.join import Join

    def run(folder: str) -> int:
        joined = Join(Path(folder))
        for number in range(case.rows):
            joined.add(f"doc-{number}", Wanted(number, f"{number:032x}", b"0" * 16, False), None)
        joined.finish_rows()
        for start in range(0, case.rows, _PAGE):
            rows = joined.wanted([f"doc-{number}" for number in range(start, min(start + _PAGE, case.rows))])
            actions: list[tuple[int, Action, dict[str, Any]]] = [
                (row.number, Action.CHANGED if row.number % _CHANGED == 0 else Action.UNCHANGED, {})
                for row in rows.values()
            ]
            joined.record(actions, [])
        joined.finish_scope()
        counts = joined.counts()
        joined.close()
        return counts[Action.CHANGED] + counts[Action.UNCHANGED]

    with tempfile.TemporaryDirectory(prefix="bench-bulk-syncs-") as folder:
        return measured(lambda: run(folder), case.rows)


def syncs(bench: Bench) -> None:
    """Sync many vectors and few, and join many."""
    from airflow_provider_upstash_vector.dev_server import DevServer

    few, many = bench.rows(50_000), bench.rows(200_000)
    module = "benchmarks.bulk.syncs"
    runs: dict[str, list[Run]] = {"few": [], "many": []}
    with tempfile.TemporaryDirectory(prefix="bench-bulk-syncs-") as folder:
        path = Path(folder, "rows.jsonl")
        for name, count in (("few", few), ("many", many)):
            for _ in range(bench.rounds):
                with DevServer(dimension=_DIMENSION, token=TOKEN) as server:
                    _fill(server.url, path, count)
                    _write(path, count, changed=True)
                    case = Case(url=server.url, rows=count, path=str(path))
                    runs[name].append(contender("sync", case, module)())
        case = Case(url="", rows=many)
        runs |= interleaved({"join": contender("join", case, module)}, bench.rounds)
    bench.results.add_runs("sync", runs)
    growth = ratio(runs["many"], runs["few"], peak_mb)
    figures: list[tuple[str, str, float, str, Any, Any]] = [
        ("sync_rate", f"sync of {many:,} vectors, rows a second", median(runs["many"], rate), "/s", 1, None),
        ("sync_memory", f"sync of {many:,} vectors, peak", median(runs["many"], peak_mb), " MB", None, 250),
        ("sync_memory_growth", f"sync of {many:,} vectors, peak to that of {few:,}", growth, "x", None, 1.15),
        ("sync_join", f"join of {many:,} rows, rows a second", median(runs["join"], rate), "/s", 100_000, None),
    ]
    for key, title, value, unit, low, high in figures:
        bench.results.add(Measurement(key=key, title=title, value=value, unit=unit, low=low, high=high))


def _fill(url: str, path: Path, count: int) -> None:
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    _write(path, count, changed=False)
    report = bulk.sync(path, Endpoint.of(url, TOKEN), scope="all", progress="none", max_concurrency=4)
    assert report.added == count


def _write(path: Path, count: int, *, changed: bool) -> None:
    with path.open("w") as file:
        for number in range(count):
            first = -1.0 if changed and number % _CHANGED == 0 else float(number)
            vector = [first, *(number / (place + 2) for place in range(_DIMENSION - 1))]
            file.write(json.dumps({"id": f"doc-{number}", "vector": vector, "metadata": {"n": number}}) + "\n")


CONTENDERS: dict[str, Callable[[Case], Run]] = {"sync": sync, "join": join}

if __name__ == "__main__":
    print(json.dumps(asdict(CONTENDERS[sys.argv[1]](Case(**json.loads(sys.argv[2]))))))
