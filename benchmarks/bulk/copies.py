"""The part that copies between two dev servers, and its contenders.

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
from benchmarks.bulk.results import Measurement
from benchmarks.bulk.rounds import contender, interleaved, median, peak_mb, rate, ratio

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
    options: Any = {"max_concurrency": 4, "progress": "none"}
    bulk.copy(*places, target_namespace="warm-up", prefix="doc-1-", **options)
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
    """Compare a copy with a bare loop, and its memory with that of a tenth of the rows."""
    many = bench.rows(20_000)
    few = max(many // 10, 40)
    with ExitStack() as servers:
        target, small, large = (servers.enter_context(_server()) for _ in range(3))
        for url, rows in ((small, few), (large, many)):
            _fill(url, rows)

        def run(name: str, url: str, rows: int) -> Callable[[], Run]:
            def run_once() -> Run:
                case = CopyCase(url=url, rows=rows, target=target, namespace=f"n{next(_namespaces)}")
                return contender(name, case, module="benchmarks.bulk.copies")()

            return run_once

        runs = interleaved(
            {"ours": run("ours", large, many), "bare": run("bare", large, many), "few": run("ours", small, few)},
            bench.rounds,
        )
    bench.results.add_runs("copy", runs)
    value = ratio(runs["ours"], runs["bare"], rate)
    growth = ratio(runs["ours"], runs["few"], peak_mb)
    for key, title, figure, unit, low, high in (
        ("copy_rate", "copy, rows a second", median(runs["ours"], rate), "/s", 1, None),
        ("copy_bare", "copy, rate to a bare loop", value, "x", 0.8, None),
        ("copy_memory", "copy, peak to a tenth of the rows", growth, "x", None, 1.25),
    ):
        bench.results.add(Measurement(key=key, title=title, value=figure, unit=unit, low=low, high=high))


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
