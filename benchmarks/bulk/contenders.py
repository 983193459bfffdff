"""Runs one contender in this process: ``python -m benchmarks.bulk.contenders NAME JSON`` prints its figures.

Each contender imports only its own libraries, so that its peak memory does not include those of the others.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

TOKEN = "bench"  # noqa: S105 - the sinks do not check it
DIMENSION = 1536

Kind = Literal["metadata", "numpy", "lists"]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The workload of a contender: ``rows`` updates of a ``kind``, or those of the file at ``path``."""

    url: str
    rows: int
    kind: Kind = "metadata"
    connections: int = 32
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """The figures of one run: ``seconds`` of wall-clock time, ``cpu_seconds`` of CPU time."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Updates per second."""
        return self.rows / self.seconds


def ours(case: Case) -> Run:
    """Send with ``bulk.update``."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    endpoint = Endpoint.of(case.url, TOKEN)

    def send(rows: Any) -> int:
        report = bulk.update(
            rows, endpoint, max_concurrency=case.connections, check_index=False, progress="none", checkpoint=None
        )
        return report.done

    return _measure(send, case)


def bare(case: Case) -> Run:
    """Send with aiohttp and orjson in the least code: no validation, order, retry or report."""
    import aiohttp
    import orjson

    async def send(rows: list[Row]) -> int:
        remaining = iter(rows)
        updated = 0
        connector = aiohttp.TCPConnector(limit=case.connections)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                nonlocal updated
                for row in remaining:
                    body = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)
                    async with session.post(case.url + "/update", data=body) as response:
                        content = await response.read()
                        assert response.status == 200, content
                        updated += 1

            await asyncio.gather(*(work() for _ in range(case.connections)))
        return updated

    return _measure(lambda rows: asyncio.run(send(rows)), case)


def vendor_async(case: Case) -> Run:
    """Send with the vendor's AsyncIndex."""
    from upstash_vector import AsyncIndex

    async def send(rows: list[Row]) -> int:
        remaining = iter(rows)
        updated = 0
        index = AsyncIndex(case.url, TOKEN)

        async def work() -> None:
            nonlocal updated
            for row in remaining:
                found = await index.update(**row)
                updated += found

        await asyncio.gather(*(work() for _ in range(case.connections)))
        return updated

    return _measure(lambda rows: asyncio.run(send(rows)), case)


def vendor_sync(case: Case) -> Run:
    """Send with the vendor's Index, one at a time: it cannot do more."""
    from upstash_vector import Index

    index = Index(case.url, TOKEN)
    return _measure(lambda rows: sum(index.update(**row) for row in rows), case)


CONTENDERS: dict[str, Callable[[Case], Run]] = {
    "ours": ours,
    "bare": bare,
    "vendor_async": vendor_async,
    "vendor_sync": vendor_sync,
}


def make_rows(kind: Kind, count: int) -> list[Row]:
    """Return ``count`` rows, the same in each run."""
    if kind == "metadata":
        random_value = random.Random(1)
        genres = ("drama", "comedy", "western", "crime")
        return [
            {
                "id": f"doc-{n}",
                "metadata": {"genre": random_value.choice(genres), "year": random_value.randint(1920, 2025)},
            }
            for n in range(count)
        ]
    import numpy as np

    matrix = np.random.default_rng(1).standard_normal((count, DIMENSION), dtype=np.float32)
    vectors: Any = matrix if kind == "numpy" else matrix.tolist()
    return [{"id": f"doc-{n}", "vector": vectors[n]} for n in range(count)]


def _measure(send: Callable[[Any], int], case: Case) -> Run:
    """Time ``send`` with rows made beforehand, after a warm-up that imports what is imported on first use."""
    rows: Any = make_rows(case.kind, case.rows) if case.path is None else case.path
    warm_up = make_rows(case.kind, 2)
    assert send(warm_up) == len(warm_up)
    started, cpu_started = time.perf_counter(), time.process_time()
    updated = send(rows)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    assert updated == case.rows, f"only {updated} of {case.rows} rows were updated"
    return Run(rows=case.rows, seconds=seconds, cpu_seconds=cpu_seconds, peak_mb=_peak_mb())


def _peak_mb() -> float:
    # Not getrusage: its peak includes that of the parent process before the fork.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asdict(CONTENDERS[sys.argv[1]](Case(**json.loads(sys.argv[2]))))))
