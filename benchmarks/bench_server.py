"""Benchmark of the dev server: rates, latency, memory and start time, with the database in a file.

The server runs on one core and the load on another. Prints each figure and its target; exits with code 1 if one is
missed.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import orjson

TOKEN = "bench"  # noqa: S105 - of a server that runs as long as this program
CONNECTIONS = 32
DIMENSION = 384
RUNS = 5


@dataclass(frozen=True)
class Measurement:
    title: str
    value: float
    unit: str
    target: float
    at_least: bool

    @property
    def ok(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "ok" if self.ok else "MISSED"
        return f"{self.title:<52} {self.value:>9,.1f} {self.unit:<9} {sign} {self.target:>7,.1f}  {verdict}"


@contextmanager
def server(database: Path) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """Run the server on the first core; yield its process, its URL, and the seconds to its first response."""
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--port", "0"]
    options = ["--dimension", str(DIMENSION), "--database", str(database), "--token", TOKEN]
    cores = sorted(os.sched_getaffinity(0))
    started = time.perf_counter()
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, cores[:1])
    assert process.stdout is not None
    url = next(line.strip().partition("=")[2] for line in process.stdout if line.startswith("export"))
    asyncio.run(post_all(url, "/info", [b""], 1))
    try:
        yield process, url, time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(10)


async def post_all(url: str, path: str, bodies: list[bytes], connections: int) -> list[float]:
    """Post the bodies over ``connections``; return the seconds that each request took."""
    seconds: list[float] = []
    remaining = iter(bodies)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections), headers=headers
    ) as session:

        async def work() -> None:
            for body in remaining:
                started = time.perf_counter()
                async with session.post(url + path, data=body) as response:
                    content = await response.read()
                    assert response.status == 200, content
                seconds.append(time.perf_counter() - started)

        await asyncio.gather(*(work() for _ in range(connections)))
    return seconds


def vectors(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(1).standard_normal((count, DIMENSION), dtype=np.float32)


def fill(url: str, count: int) -> None:
    matrix = vectors(count)
    items = [
        {"id": f"doc-{number}", "vector": matrix[number], "metadata": {"n": number}} for number in range(count)
    ]
    batches = [
        orjson.dumps(items[start : start + 500], option=orjson.OPT_SERIALIZE_NUMPY)
        for start in range(0, count, 500)
    ]
    asyncio.run(post_all(url, "/upsert", batches, 2))


def rate(url: str, bodies: list[bytes]) -> float:
    """Return updates per second, as the median of ``RUNS`` runs."""

    def one_run() -> float:
        started = time.perf_counter()
        asyncio.run(post_all(url, "/update", bodies, CONNECTIONS))
        return len(bodies) / (time.perf_counter() - started)

    return statistics.median(one_run() for _ in range(RUNS))


def memory_mb(process: subprocess.Popen[str]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure_updates(folder: Path) -> Iterator[Measurement]:
    with server(folder / "updates.db") as (_, url, _):
        fill(url, 20_000)
        ids = [f"doc-{random.randrange(20_000)}" for _ in range(4_000)]
        metadata = [orjson.dumps({"id": id, "metadata": {"genre": "drama", "year": 1999}}) for id in ids]
        yield Measurement("updates of metadata, 32 connections", rate(url, metadata), "/s", 2_000, at_least=True)
        matrix = vectors(2_000)
        dense = [
            orjson.dumps({"id": id, "vector": vector}, option=orjson.OPT_SERIALIZE_NUMPY)
            for id, vector in zip(ids, matrix, strict=False)
        ]
        yield Measurement(
            "updates of 384 dimensions, 32 connections", rate(url, dense), "/s", 1_000, at_least=True
        )


def measure_queries(folder: Path) -> Iterator[Measurement]:
    with server(folder / "updates.db") as (_, url, _):
        queries = [
            orjson.dumps({"vector": vector, "topK": 10}, option=orjson.OPT_SERIALIZE_NUMPY)
            for vector in vectors(300)
        ]
        asyncio.run(post_all(url, "/query", queries[:1], 1))
        seconds = asyncio.run(post_all(url, "/query", queries, 1))
        yield Measurement(
            "query of 20,000 x 384, topK 10, p50", statistics.median(seconds) * 1000, "ms", 15, at_least=False
        )


def measure_start(folder: Path) -> Iterator[Measurement]:
    starts = []
    for number in range(RUNS):
        with server(folder / f"start-{number}.db") as (_, _, seconds):
            starts.append(seconds)
    yield Measurement("start to first response, median", statistics.median(starts), "s", 1.5, at_least=False)


def measure_memory(folder: Path) -> Iterator[Measurement]:
    with server(folder / "large.db") as (process, url, _):
        fill(url, 100_000)
        query = orjson.dumps({"vector": vectors(1)[0], "topK": 10}, option=orjson.OPT_SERIALIZE_NUMPY)
        asyncio.run(post_all(url, "/query", [query] * 3, 1))
        yield Measurement(
            "peak memory, 100,000 x 384 written and queried", memory_mb(process), "MB", 600, at_least=False
        )


def main() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-2:])
    results: list[Measurement] = []
    parts: list[Callable[[Path], Iterator[Measurement]]] = [
        measure_updates,
        measure_queries,
        measure_start,
        measure_memory,
    ]
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        for part in parts:
            for measurement in part(Path(folder)):
                print(measurement, flush=True)
                results.append(measurement)
    sys.exit(not all(measurement.ok for measurement in results))


if __name__ == "__main__":
    main()
