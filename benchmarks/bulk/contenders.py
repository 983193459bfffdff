"""One contender in a process of its own: ``python -m benchmarks.bulk.contenders NAME JSON`` prints what it did.

Each contender imports its own libraries only, so that its peak memory is without those of the others.
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

TOKEN = "bench"  # noqa: S105 - of sinks that ask for none
DIMENSION = 1536

Kind = Literal["metadata", "numpy", "lists"]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a contender is to send: ``rows`` updates of a ``kind``, or those of the file at ``path``."""

    url: str
    rows: int
    kind: Kind = "metadata"
    connections: int = 32
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run did. ``seconds`` are of the clock, ``cpu_seconds`` of the processor."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Updates per second."""
        return self.rows / self.seconds


def ours(case: Case) -> Run:
    """Send with the bulk engine."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    endpoint = Endpoint.of(case.url, TOKEN)

    def send(rows: Any) -> int:
        report = bulk.update(
            rows, endpoint, concurrency=case.connections, check_index=False, progress="none", checkpoint=None
        )
        return report.updated

    return _measured(send, case)


def bare(case: Case) -> Run:
    """Send with aiohttp and orjson as shortly as it can be written: no validation, order, retry or report."""
    import aiohttp
    import orjson

    async def send(rows: list[Row]) -> int:
        rest = iter(rows)
        updated = 0
        connector = aiohttp.TCPConnector(limit=case.connections)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                nonlocal updated
                for row in rest:
                    body = orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)
                    async with session.post(case.url + "/update", data=body) as response:
                        content = await response.read()
                        assert response.status == 200, content
                        updated += 1

            await asyncio.gather(*(work() for _ in range(case.connections)))
        return updated

    return _measured(lambda rows: asyncio.run(send(rows)), case)


def vendor_async(case: Case) -> Run:
    """Send with the vendor's AsyncIndex."""
    from upstash_vector import AsyncIndex

    async def send(rows: list[Row]) -> int:
        rest = iter(rows)
        updated = 0
        index = AsyncIndex(case.url, TOKEN)

        async def work() -> None:
            nonlocal updated
            for row in rest:
                done = await index.update(**row)
                updated += done

        await asyncio.gather(*(work() for _ in range(case.connections)))
        return updated

    return _measured(lambda rows: asyncio.run(send(rows)), case)


def vendor_sync(case: Case) -> Run:
    """Send with the vendor's Index, one by one: it has no other way."""
    from upstash_vector import Index

    index = Index(case.url, TOKEN)
    return _measured(lambda rows: sum(index.update(**row) for row in rows), case)


CONTENDERS: dict[str, Callable[[Case], Run]] = {
    "ours": ours,
    "bare": bare,
    "vendor_async": vendor_async,
    "vendor_sync": vendor_sync,
}


def made_rows(kind: Kind, count: int) -> list[Row]:
    """Return rows that are the same each time they are made."""
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


def _measured(send: Callable[[Any], int], case: Case) -> Run:
    """Time ``send`` with rows that are there before, after a few that load what is loaded at first use."""
    rows: Any = made_rows(case.kind, case.rows) if case.path is None else case.path
    warm_up = made_rows(case.kind, 2)
    assert send(warm_up) == len(warm_up)
    started, cpu_started = time.perf_counter(), time.process_time()
    updated = send(rows)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    assert updated == case.rows, f"{updated} of {case.rows} rows were updated"
    return Run(rows=case.rows, seconds=seconds, cpu_seconds=cpu_seconds, peak_mb=_peak_mb())


def _peak_mb() -> float:
    # Not getrusage: its peak starts with that of the process that forked this one.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asdict(CONTENDERS[sys.argv[1]](Case(**json.loads(sys.argv[2]))))))
