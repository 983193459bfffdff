"""Kinds of rows, and the ways to start a run."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient, VectorUpdate
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Interruption, Run, failed, fill, interrupted_after, stored

IDS = [f"v{n}" for n in range(100)]
AFTER = {id: {"n": n} for n, id in enumerate(IDS)}


def rows() -> list[dict[str, Any]]:
    return [{"id": id, "metadata": {"n": n}} for n, id in enumerate(IDS)]


async def some_async() -> AsyncIterator[dict[str, Any]]:
    for row in rows():
        await asyncio.sleep(0)
        yield row


def tables() -> dict[str, Any]:
    columns = {"id": IDS, "metadata": [f'{{"n": {n}}}' for n in range(100)], "other": [1.0] * 100}
    table = pa.table(columns)
    return {
        "arrow": table,
        "arrow batch": table.to_batches()[0],
        "arrow stream": pa.RecordBatchReader.from_batches(table.schema, table.to_batches(30)),
        "pandas": pd.DataFrame(columns),
        "polars": pl.DataFrame(columns),
    }


@pytest.mark.parametrize("kind", ["list", "tuple", "generator", "async", "updates", *tables()])
def test_rows_of_every_kind(server: DevServer, run: Run, kind: str) -> None:
    fill(server, IDS)
    inputs: dict[str, Any] = {
        "list": rows(),
        "tuple": tuple(rows()),
        "generator": iter(rows()),
        "async": some_async(),
        "updates": [VectorUpdate(**row) for row in rows()],
        **tables(),
    }
    assert run(inputs[kind]).done == 100
    assert stored(server) == AFTER


def test_a_csv_file_with_a_quote_that_is_never_closed_loses_one_row(
    server: DevServer, run: Run, tmp_path: Path
) -> None:
    fill(server, IDS)
    lines = ["id,metadata", *(f'{id},"{{""n"": {n}}}"' for n, id in enumerate(IDS))]
    lines[10] = lines[10].rstrip('"')
    path, failures = tmp_path / "rows.csv", tmp_path / "failures.jsonl"
    path.write_text("\n".join(lines))
    report = run(path, max_failures=5, failures_path=str(failures))
    assert (report.total, report.done, report.rejected) == (100, 99, 1)
    assert stored(server) == {**AFTER, IDS[9]: stored(server)[IDS[9]]}
    (failure,) = map(orjson.loads, failures.read_bytes().splitlines())
    assert (failure["raw"], failure["failure"]["line"]) == (lines[10] + "\n", 11)


def test_an_integer_beyond_64_bits_is_rejected_and_kept(run: Run, tmp_path: Path) -> None:
    path, failures = tmp_path / "rows.jsonl", tmp_path / "failures.jsonl"
    path.write_text('{"id":"a","metadata":{"n":[18446744073709551617]}}\n')
    report = run(path, max_failures=1, failures_path=str(failures))
    assert (report.total, report.rejected) == (1, 1)
    kept = json.loads(failures.read_bytes())
    assert kept["metadata"] == {"n": [2**64 + 1]}
    assert kept["failure"]["reason"].startswith("metadata.n[0] is an integer beyond 64 bits")


@pytest.mark.parametrize("kind", ["parquet", "arrow", "numpy rows"])
def test_vectors_of_every_kind(server: DevServer, run: Run, tmp_path: Path, kind: str) -> None:
    fill(server, IDS)
    matrix = np.arange(200, dtype=np.float32).reshape(100, 2) / 7
    column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 2)
    table = pa.table({"key": IDS, "embedding": column})
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=30)
    inputs: dict[str, Any] = {
        "parquet": tmp_path / "rows.parquet",
        "arrow": table,
        "numpy rows": [{"key": id, "embedding": vector} for id, vector in zip(IDS, matrix, strict=True)],
    }
    assert run(inputs[kind], id_field="key", vector_field="embedding").done == 100
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        vectors = [vector.vector for vector in client.fetch(IDS, include_vectors=True) if vector]
    assert np.array_equal(np.array(vectors, dtype=np.float32), matrix)


def test_shards_of_a_file_together_are_the_file(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, IDS)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"id":"{id}","metadata":{{"n":{n}}}}}\n' for n, id in enumerate(IDS)))
    reports = [run(str(tmp_path / "*.jsonl"), shard=(number, 7)) for number in range(7)]
    assert sum(report.done for report in reports) == server.requests["update"] == 100
    assert stored(server) == AFTER


def test_namespaces_of_rows_and_of_the_run(server: DevServer, run: Run) -> None:
    for namespace in ("", "a/b", "c"):
        fill(server, ["x"], namespace)
    run([{"id": "x", "metadata": {"n": 1}}, {"id": "x", "metadata": {"n": 2}, "ns": "a/b"}], namespace_field="ns")
    run([{"id": "x", "metadata": {"n": 3}}], namespace="c")
    assert [stored(server, namespace)["x"] for namespace in ("", "a/b", "c")] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_no_rows(server: DevServer, run: Run) -> None:
    report = run([], check_index=False)
    assert report.to_dict().items() >= {"total": 0, "updated": 0, "bytes_sent": 0, "all_read": True}.items()
    assert not server.requests


@pytest.mark.parametrize("check_index", [False, True])
def test_a_dry_run_reads_all_and_writes_nothing(
    server: DevServer, run: Run, tmp_path: Path, check_index: bool
) -> None:
    changed: list[Any] = [*rows(), "no row", {"id": "x", "vector": [float("nan")]}, *rows()]
    server.requests.clear()
    options: dict[str, Any] = {"failures_path": tmp_path / "f", "check_index": check_index}
    report = run(iter(changed), dry_run=True, max_failures=2, **options)
    assert server.requests.keys() == ({"fetch"} if check_index else set())
    assert (report.total, report.not_attempted, report.rejected) == (202, 200, 2)
    assert report.bytes_sent == 2 * sum(len(VectorUpdate(**row).to_json()) for row in rows())
    assert len((tmp_path / "f").read_text().splitlines()) == 2
    error = failed(lambda: run(changed, dry_run=True, max_failures=1))
    assert (error.report.total, error.report.rejected, error.retryable) == (202, 2, False)


def test_on_a_running_loop(server: DevServer, endpoint: Endpoint, run: Run) -> None:
    fill(server, IDS)

    async def awaited() -> bulk.BulkReport:
        return await bulk.update_async(rows(), endpoint, progress="none")

    async def blocking() -> bulk.BulkReport:
        return run(rows())

    assert asyncio.run(awaited()).done == 100
    assert asyncio.run(blocking()).done == 100


def test_a_slow_iterable_is_sent_as_it_comes(server: DevServer, run: Run) -> None:
    fill(server, IDS)
    sent_before_the_last: list[int] = []

    def slow() -> Iterator[dict[str, Any]]:
        for number, row in enumerate(rows()):
            if number == 99:
                deadline = time.monotonic() + 60
                while server.requests["update"] < 99 and time.monotonic() < deadline:
                    time.sleep(0.01)
                sent_before_the_last.append(server.requests["update"])
            yield row

    assert run(slow()).done == 100
    assert sent_before_the_last == [99]


def test_an_iterable_that_hangs_does_not_delay_a_cancelled_run(server: DevServer, run: Run) -> None:
    fill(server, IDS)
    release = threading.Event()
    cancel_token = bulk.CancelToken()

    def hanging() -> Iterator[dict[str, Any]]:
        yield rows()[0]
        threading.Timer(0.2, cancel_token.cancel).start()
        release.wait(60)

    error = failed(lambda: run(hanging(), cancel_token=cancel_token))
    release.set()
    assert (error.reason, error.report.done) == ("cancelled", 1)


def test_an_interruption_settles_what_is_in_flight(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, IDS)
    with interrupted_after(server, 500), pytest.raises(Interruption) as interruption:
        run(rows() * 100, checkpoint=tmp_path / "c", max_concurrency=8, max_rows_per_second=2_000)
    cause = interruption.value.__cause__
    assert isinstance(cause, bulk.BulkJobFailed)
    assert cause.reason == "cancelled"
    assert cause.report.done == server.requests["update"] < 10_000
    assert run(rows() * 100, checkpoint=tmp_path / "c").done == 10_000
    assert server.requests["update"] == 10_000


def test_progress_is_logged(
    server: DevServer, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_upstash_vector.bulk.tracking.progress.LOG_EVERY_SECONDS", 0.2)
    fill(server, IDS)
    with caplog.at_level(logging.INFO):
        run(rows(), progress="log", max_rows_per_second=100)
    lines = [record.message for record in caplog.records if "rows completed" in record.message]
    assert " of 100 rows completed, " in lines[0]
    assert lines[0].endswith(" left")
