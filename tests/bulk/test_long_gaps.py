"""Input without a row for long: the event loop runs in between, so that a stop is noticed."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.bulk.sending.prefetch import open_prefetcher
from airflow_provider_upstash_vector.bulk.sources import END, PENDING, FieldNames, cursor, open_source
from airflow_provider_upstash_vector.client import Data, VectorUpdate
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill
from tests.support.reading import source

ROWS = 5_000
LINES = b"".join(b'{"id":"v%d"}\n' % n for n in range(ROWS))


def write_parquet(path: Path) -> None:
    parquet.write_table(pa.table({"id": [f"v{n}" for n in range(ROWS)]}), path)


FILES: dict[str, Callable[[Path], object]] = {
    "blank.jsonl": lambda path: path.write_bytes(b"\n" * ROWS),
    "blank.csv": lambda path: path.write_bytes(b"id\n" + b" \n" * ROWS),
    "before the header.csv": lambda path: path.write_bytes(b"\n" * ROWS),
    "blank.jsonl.gz": lambda path: path.write_bytes(gzip.compress(b"\n" * ROWS)),
    "rows.jsonl": lambda path: path.write_bytes(LINES),
    "rows.jsonl.gz": lambda path: path.write_bytes(gzip.compress(LINES)),
    "rows.csv": lambda path: path.write_bytes(b"id\n" + b"v\n" * ROWS),
    "rows.parquet": write_parquet,
}


@pytest.mark.parametrize("shard", [None, (3, 4)])
@pytest.mark.parametrize("name", FILES)
def test_what_passes_much_of_a_file_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shard: tuple[int, int] | None
) -> None:
    monkeypatch.setattr(cursor, "_SLICE_SECONDS", 0.0)
    FILES[name](tmp_path / name)
    opened = source(tmp_path / name, shard=shard)
    if opened.total == 0:
        return  # its only row group belongs to another shard
    passed = list(opened.rows(ROWS - 1))
    assert passed.count(PENDING) >= (3 if name == "rows.parquet" else 1_000)


def test_a_shard_within_a_long_line_pauses(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"id":"%b"}\n' % (b"x" * 15_000_000))
    assert [*source(path, shard=(3, 4)).rows(0)] == [PENDING] * 3


BLANK_LINES = 20_000_000


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_stop_comes_through_blank_lines(run: Run, tmp_path: Path, name: str, dry_run: bool) -> None:
    (tmp_path / name).write_bytes(b"id\n" * name.endswith("csv") + b"\n" * BLANK_LINES)
    error = failed(lambda: run(tmp_path / name, time_limit_seconds=0.3, dry_run=dry_run))
    assert (error.reason, error.report.total, error.report.all_read) == ("time_limit", 0, False)


def test_a_resumed_run_pauses_while_it_skips_rows(
    server: DevServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, ["v0"])
    monkeypatch.setattr(cursor, "_SLICE_SECONDS", 0.0)
    path, checkpoint = tmp_path / "rows.jsonl", tmp_path / "checkpoint"
    options: dict[str, Any] = {"checkpoint": checkpoint, "max_concurrency": 1}
    path.write_bytes(b'{"id":"v0","data":"x"}\n' * 50)
    first = run(path, daily_budget=30, on_budget="return", **options)
    assert (first.done, first.not_attempted) == (30, 20)
    report = run(path, **options)
    assert (report.done, server.requests["update"]) == (50, 50)


def endless() -> Iterator[dict[str, str]]:
    return itertools.repeat({"id": "x"})


async def endless_async() -> AsyncIterator[dict[str, str]]:
    while True:
        yield {"id": "x"}


async def stubborn() -> AsyncIterator[dict[str, str]]:
    for _ in range(4):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.5)
    yield {"id": "x"}


class SlowSequence(Sequence[dict[str, str]]):
    """A sequence whose rows come from elsewhere."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __len__(self) -> int:
        return 10

    def __getitem__(self, position: Any) -> Any:
        assert self.released.wait(120)
        return {"id": "x"}


@pytest.mark.parametrize("rows", [endless, endless_async, stubborn])
def test_a_stop_comes_through_an_iterable_whose_rows_are_skipped(run: Run, rows: Callable[[], object]) -> None:
    error = failed(lambda: run(rows(), shard=(10**12 - 1, 10**12), time_limit_seconds=0.3))
    assert (error.reason, error.report.total) == ("time_limit", 0)
    end = time.monotonic() + 60
    while any(thread.name == "bulk-rows" for thread in threading.enumerate()):  # it would slow down the process
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stop_comes_through_a_sequence_that_blocks(run: Run) -> None:
    rows = SlowSequence()
    assert failed(lambda: run(rows, time_limit_seconds=0.3)).reason == "time_limit"
    rows.released.set()


def test_large_rows_are_read_ahead_by_their_bytes() -> None:
    """Rows of 1 MB must not pile up as deep as small ones."""
    made: list[int] = []

    def rows(size: int) -> Iterator[object]:
        kinds: tuple[Callable[..., object], ...] = (dict, VectorUpdate, Data)
        for number in range(300):
            made.append(number)
            yield kinds[number % 3](id="x", data="y" * size)

    async def read(source_of: Any, size: int) -> int:
        made.clear()
        woken = asyncio.Event()
        prefetcher = open_prefetcher(source_of(rows(size)), 0, woken.set)
        taken = 0
        while (row := prefetcher.poll()) is not END:
            if row is PENDING:
                await asyncio.wait_for(woken.wait(), 60)
                woken.clear()
                continue
            taken += 1
            deepest.append(len(made) - taken)
            await asyncio.sleep(0)
        await prefetcher.close()
        return taken

    def sync(rows: Iterator[object]) -> Any:
        return open_source(rows, FieldNames())

    async def each(rows: Iterator[object]) -> AsyncIterator[object]:
        for row in rows:
            yield row

    for source_of in (sync, lambda rows: open_source(each(rows), FieldNames())):
        deepest: list[int] = []
        assert asyncio.run(read(source_of, 1_000_000)) == 300
        assert max(deepest) <= 17
        deepest.clear()
        assert asyncio.run(read(source_of, 10)) == 300
        assert max(deepest) > 17
