"""Runs one contender in this process: ``python -m benchmarks.bulk.contenders NAME JSON`` prints its figures.

Each contender imports only its own libraries, so that its peak memory does not include those of the others.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

TOKEN = "bench"  # noqa: S105 - the sinks do not check it
DIMENSION = 1536
# The provider's limit of 1 MB would end a request after some 60 rows.
_MAX_BYTES = 64 * 1024 * 1024

Kind = Literal["metadata", "text", "numpy", "lists"]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The workload of a contender: ``rows`` updates of a ``kind``, or those of the file at ``path``.

    With ``rows_per_request``, they are upserts. ``certificate`` is the file of the authority that is trusted,
    ``proxy`` the URL of the proxy that requests go through. With ``fixed``, all ``connections`` are used from the
    first row on, whatever the service does. ``rows_per_id`` rows in turn have the same id.
    """

    url: str
    rows: int
    kind: Kind = "metadata"
    connections: int = 32
    path: str | None = None
    rows_per_request: int | None = None
    certificate: str | None = None
    proxy: str | None = None
    fixed: bool = False
    rows_per_id: int = 1


@dataclass(frozen=True, kw_only=True)
class Run:
    """The figures of one run: ``seconds`` of wall-clock time, ``cpu_seconds`` of CPU time."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds


def ours(case: Case) -> Run:
    """Send with ``bulk.update`` or ``bulk.upsert``."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.bulk.operations.upsert import Upsert
    from airflow_provider_upstash_vector.bulk.sending import slots
    from airflow_provider_upstash_vector.client import Endpoint

    if case.fixed:
        slots.FIRST_SLOTS = case.connections
        slots.Slots.accepted = lambda *_: None  # type: ignore[method-assign]  # it is not to learn
    endpoint = Endpoint.of(case.url, TOKEN)
    options: Any = {
        "max_concurrency": case.connections,
        "check_index": False,
        "progress": "none",
        "checkpoint": None,
    }
    if case.rows_per_request is None:
        return _measure(lambda rows: bulk.update(rows, endpoint, **options).done, case)
    if case.kind == "numpy" and case.path is not None:
        import_module("pyarrow.parquet")  # which the warm-up does not need
    Upsert.max_bytes = _MAX_BYTES
    options["max_rows_per_request"] = case.rows_per_request
    return _measure(lambda rows: bulk.upsert(rows, endpoint, **options).done, case)


def bare(case: Case) -> Run:
    """Send with aiohttp and orjson in the least code: no validation, order, retry or report."""
    if case.rows_per_request is None:
        return _measure(lambda rows: _post(((_json(row), 1) for row in rows), "/update", case), case)
    return _measure(
        lambda rows: _post(((_json(batch), len(batch)) for batch in _batches(rows, case)), "/upsert", case), case
    )


def ready(case: Case) -> Run:
    """Send upserts with aiohttp whose bodies are encoded before the time is taken."""
    return _measure(
        lambda bodies: _post(bodies, "/upsert", case),
        case,
        lambda rows: [(_json(batch), len(batch)) for batch in _batches(rows, case)],
    )


def _post(bodies: Iterable[tuple[bytes, int]], path: str, case: Case) -> int:
    """Post bodies of so many rows with aiohttp; return the rows."""
    import aiohttp

    remaining = iter(bodies)

    async def post() -> int:
        sent = 0
        connector = aiohttp.TCPConnector(limit=case.connections)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

            async def work() -> None:
                nonlocal sent
                for body, rows in remaining:
                    async with session.post(case.url + path, data=body, proxy=case.proxy) as response:
                        content = await response.read()
                        assert response.status == 200, content
                        sent += rows

            await asyncio.gather(*(work() for _ in range(case.connections)))
        return sent

    return asyncio.run(post())


def _json(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _batches(rows: list[Row], case: Case) -> Iterator[list[Row]]:
    size = case.rows_per_request or 1
    return (rows[start : start + size] for start in range(0, len(rows), size))


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
    if case.rows_per_request is None:
        return _measure(lambda rows: sum(index.update(**row) for row in rows), case)

    def upsert(rows: list[Row]) -> int:
        for batch in _batches(rows, case):
            assert index.upsert(batch) == "Success"
        return len(rows)

    return _measure(upsert, case)


def export(case: Case) -> Run:
    """Export a namespace to Parquet."""
    from airflow_provider_upstash_vector import bulk
    from airflow_provider_upstash_vector.client import Endpoint

    def run(folder: str) -> int:
        return bulk.export(folder, Endpoint.of(case.url, TOKEN), format="parquet", progress="none").rows

    with tempfile.TemporaryDirectory(prefix="bench-export-") as folder:
        bulk.export(f"{folder}/warm-up", Endpoint.of(case.url, TOKEN), format="parquet", prefix="none")
        import_module("pyarrow.parquet")  # which an export of nothing does not need
        return measured(lambda: run(f"{folder}/export"), case.rows)


def range_loop(case: Case) -> Run:
    """Read the pages of a namespace with aiohttp and orjson, one after another."""
    import aiohttp
    import orjson

    async def run() -> int:
        rows, cursor = 0, "0"
        flags = {"includeVectors": True, "includeMetadata": True, "includeData": True}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while cursor:
                body = orjson.dumps({"cursor": cursor, "limit": 1_000, **flags})
                async with session.post(f"{case.url}/range", data=body) as response:
                    result = orjson.loads(await response.read())["result"]
                rows += len(result["vectors"])
                cursor = result["nextCursor"]
        return rows

    return measured(lambda: asyncio.run(run()), case.rows)


CONTENDERS: dict[str, Callable[[Case], Run]] = {
    "ours": ours,
    "bare": bare,
    "ready": ready,
    "vendor_async": vendor_async,
    "vendor_sync": vendor_sync,
    "export": export,
    "range_loop": range_loop,
}


def make_rows(kind: Kind, count: int) -> list[Row]:
    """Return ``count`` rows, the same in each run."""
    if kind == "text":
        return [{**row, "data": "What the index's model embeds. " * 4} for row in make_rows("metadata", count)]
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


def _measure(send: Callable[[Any], int], case: Case, prepare: Callable[[list[Row]], Any] = list) -> Run:
    """Time ``send`` with rows that are made and prepared beforehand.

    A warm-up imports what is imported on first use.
    """
    rows: Any = case.path
    if rows is None:
        made = make_rows(case.kind, case.rows)
        rows = prepare([{**row, "id": f"doc-{n // case.rows_per_id}"} for n, row in enumerate(made)])
    assert send(prepare(make_rows(case.kind, 2))) == 2
    return measured(lambda: send(rows), case.rows)


def measured(work: Callable[[], int], rows: int) -> Run:
    """Time ``work``, which returns the rows that it has read or written."""
    started, cpu_started = time.perf_counter(), time.process_time()
    done = work()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    assert done == rows, f"only {done} of {rows} rows were read or written"
    return Run(rows=rows, seconds=seconds, cpu_seconds=cpu_seconds, peak_mb=_peak_mb())


def _peak_mb() -> float:
    # Not getrusage: its peak includes that of the parent process before the fork.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(asdict(CONTENDERS[sys.argv[1]](Case(**json.loads(sys.argv[2]))))))
