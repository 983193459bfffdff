"""The part with copies, and its contenders.

``python -m benchmarks.bulk.copies NAME JSON`` prints the figures of one.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from benchmarks.bulk.bench import Bench
from benchmarks.bulk.contenders import TOKEN, Case, Run, measured
from benchmarks.bulk.pages import pages
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, peak_mb, rate, ratio

_DIMENSION = 384
_BATCH = 200  # of some 1 MB, as a copy sends
_START_SECONDS = 60
_namespaces = count()


@dataclass(frozen=True, kw_only=True)
class CopyCase(Case):
    """A copy of all ``rows`` at ``url`` to a new ``namespace`` of the index at ``target``."""

    target: str
    namespace: str


def ours(case: CopyCase) -> Run:
    """Copy with ``bulk.copy``."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    places = Endpoint.of(case.url, TOKEN), Endpoint.of(case.target, TOKEN)
    options: Any = {"max_concurrency": 4, "check_index": False, "progress": "none"}
    bulk.copy(*places, target_namespace="warm-up", prefix="none", **options)
    return measured(lambda: bulk.copy(*places, target_namespace=case.namespace, **options).done, case.rows)


def bare(case: CopyCase) -> Run:
    """Copy with aiohttp and orjson in the least code, one request after another."""
    import aiohttp
    import orjson

    async def copy() -> int:
        cursor, copied = "0", 0
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:

            async def post(url: str, body: Any) -> Any:
                async with session.post(url, data=orjson.dumps(body)) as response:
                    return orjson.loads(await response.read())["result"]

            parts = {"includeVectors": True, "includeMetadata": True, "includeData": True}
            while cursor:
                page = await post(f"{case.url}/range", {"cursor": cursor, "limit": 1_000, **parts})
                vectors, cursor = page["vectors"], page["nextCursor"]
                for start in range(0, len(vectors), _BATCH):
                    batch = vectors[start : start + _BATCH]
                    assert await post(f"{case.target}/upsert/{case.namespace}", batch) == "Success"
                copied += len(vectors)
        return copied

    return measured(lambda: asyncio.run(copy()), case.rows)


def copies(bench: Bench) -> None:
    """Compare a copy with a bare loop, at full speed and between dev servers, and its memory with that of few."""
    rows, few, many = bench.rows(20_000), bench.rows(10_000), bench.rows(100_000)
    sink = bench.sinks.plain[0]
    with ExitStack() as servers:
        sources = {n: servers.enter_context(pages(bench.sinks, n, _DIMENSION)) for n in (rows, few, many)}
        between_dev_servers = bench.rows(2_000)
        source, target = (servers.enter_context(_server()) for _ in range(2))
        _fill(source, between_dev_servers)

        def run(name: str, url: str, rows: int, target: str) -> Callable[[], Run]:
            def run_once() -> Run:
                case = CopyCase(url=url, rows=rows, target=target, namespace=f"n{next(_namespaces)}")
                return contender(name, case, module="benchmarks.bulk.copies")()

            return run_once

        for key, label, places in (
            ("copy", "from a server that responds at once", (sources[rows], rows, sink)),
            ("copy_dev_servers", "between dev servers", (source, between_dev_servers, target)),
        ):
            runs = interleaved({name: run(name, *places) for name in CONTENDERS}, bench.rounds)
            bench.results.add_runs(key, runs)
            value = ratio(runs["ours"], runs["bare"], rate)
            low = 0.7 if key == "copy_dev_servers" else 0.3
            title = f"copy {label}, rate to a bare loop"
            bench.results.add(Measurement(key=key, title=title, value=value, unit="x", low=low))
        sizes = {"many": many, "few": few}
        memory = interleaved({name: run("ours", sources[n], n, sink) for name, n in sizes.items()}, 1)
    bench.results.add_runs("copy_memory", memory)
    growth = ratio(memory["many"], memory["few"], peak_mb)
    title = f"copy of {many:,} vectors, peak memory to {few:,}"
    bench.results.add(Measurement(key="copy_memory_growth", title=title, value=growth, unit="x", high=1.25))


@contextmanager
def _server() -> Iterator[str]:
    """Run a dev server in a process of its own; yield its URL."""
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--port", "0", "--token", TOKEN]
    process = subprocess.Popen(
        [*command, "--dimension", str(_DIMENSION)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(line.strip().partition("=")[2] for line in lines if "REST_URL=" in line)
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _fill(url: str, rows: int) -> None:
    import numpy as np

    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    vectors = np.random.default_rng(1).standard_normal((rows, _DIMENSION), dtype=np.float32)
    source = (
        {"id": f"doc-{n}", "vector": vectors[n], "metadata": {"n": n}, "data": f"text {n}"} for n in range(rows)
    )
    assert bulk.upsert(source, Endpoint.of(url, TOKEN), progress="none", max_concurrency=4).done == rows


CONTENDERS: dict[str, Callable[[CopyCase], Run]] = {"ours": ours, "bare": bare}

if __name__ == "__main__":
    print(json.dumps(asdict(CONTENDERS[sys.argv[1]](CopyCase(**json.loads(sys.argv[2]))))))
