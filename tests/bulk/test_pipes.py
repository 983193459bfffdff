"""Pipes and terminals: read as data arrives, and no obstacle to the end of a run or process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill, stored
from tests.support.reading import ids, source

IDS = [f"v{n}" for n in range(20)]


def plain(pieces: list[bytes]) -> list[bytes]:
    return pieces


def gzipped(pieces: list[bytes]) -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*packed, packer.flush()]


def jsonl() -> list[bytes]:
    return [b'{"id":"%s","metadata":{"n":%d}}\n' % (id.encode(), n) for n, id in enumerate(IDS)]


def csv() -> list[bytes]:
    first, *rows = [b'%s,"{""n"":%d}"\n' % (id.encode(), n) for n, id in enumerate(IDS)]
    return [b"id,metadata\n" + first, *rows]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def write_slowly(path: Path, pieces: list[bytes], server: DevServer, seen: list[int]) -> None:
    """Write the first piece, and the others only when a request has arrived."""
    with path.open("wb", 0) as pipe:
        pipe.write(pieces[0])
        wait_for(lambda: server.requests["update"])
        seen.append(server.requests["update"])
        for piece in pieces[1:]:
            pipe.write(piece)


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("rows.jsonl", plain(jsonl())),
        ("rows.csv", plain(csv())),
        ("rows.jsonl.gz", gzipped(jsonl())),
        ("rows.csv.gz", gzipped(csv())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_row_is_sent_when_it_has_arrived(
    server: DevServer, run: Run, tmp_path: Path, name: str, pieces: list[bytes]
) -> None:
    fill(server, IDS)
    path, seen = tmp_path / name, list[int]()
    os.mkfifo(path)
    producer = threading.Thread(target=write_slowly, args=(path, pieces, server, seen), daemon=True)
    producer.start()
    report = run(path)
    producer.join(60)
    assert seen == [1]
    assert report.done == len(IDS)
    assert stored(server) == {id: {"n": n} for n, id in enumerate(IDS)}


@pytest.fixture(params=["nothing written", "not opened", "a part of a line", "a part of gzip"])
def idle(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / ("rows.jsonl.gz" if "gzip" in request.param else "rows.jsonl")
    os.mkfifo(path)
    if request.param == "not opened":
        yield path
        return
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with path.open("wb", 0) as pipe:
        pipe.write({"a part of a line": b'{"id":', "a part of gzip": b"\x1f\x8b\x08"}.get(request.param, b""))
        yield path
    os.close(reader)


def test_a_producer_that_is_idle_does_not_hinder_a_stop(run: Run, idle: Path) -> None:
    error = failed(lambda: run(idle, time_limit_seconds=0.1))
    assert (error.reason, error.report.total) == ("time_limit", 0)
    assert not error.report.all_read
    cancel_token = bulk.CancelToken()
    threading.Timer(0.5, cancel_token.cancel).start()
    assert failed(lambda: run(idle, cancel_token=cancel_token)).reason == "cancelled"
    assert failed(lambda: run(idle, dry_run=True, time_limit_seconds=0.1)).reason == "time_limit"


def command(server: DevServer, path: str, *options: str, **arguments: Any) -> subprocess.Popen[str]:
    module = "airflow_provider_upstash_vector"
    return subprocess.Popen(
        [sys.executable, "-m", module, "update", path, "--url", server.url, "--format=jsonl", "--json", *options],
        env={**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **arguments,
    )


@pytest.mark.parametrize("kind", ["stdin", "descriptor", "terminal"])
def test_a_process_ends_although_its_producer_does_not(server: DevServer, kind: str) -> None:
    fill(server, IDS)
    if kind == "terminal":
        writing, reading = os.openpty()
        path = os.ttyname(reading)
    else:
        reading, writing = os.pipe()
        path = "/dev/stdin" if kind == "stdin" else f"/dev/fd/{reading}"
    given: dict[str, Any] = {"stdin": reading} if kind == "stdin" else {"pass_fds": [reading]}
    process = command(server, path, "--time-limit-seconds=3", **given)
    os.write(writing, jsonl()[0])
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 3, errors
    assert json.loads(output)["updated"] == 1
    assert "the time limit of 3 s has passed" in errors
    os.close(reading)
    os.close(writing)


def test_a_pipe_is_sharded_by_rows_and_has_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(b"".join(jsonl()),), daemon=True).start()
    assert ids(path, shard=(1, 3)) == IDS[1::3]
    with pytest.raises(InvalidRows, match="a pipe has no Parquet"):
        source(path, format="parquet")


def test_rows_of_a_pipe_that_are_written_again_are_resumed(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, IDS)
    path, checkpoint = tmp_path / "rows.jsonl", tmp_path / "checkpoint"
    os.mkfifo(path)
    for budget in (7, None):
        content = b"".join(jsonl())
        threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
        report = run(path, checkpoint=checkpoint, daily_budget=budget, on_budget="return", max_concurrency=1)
    assert (report.done, server.requests["update"]) == (len(IDS), len(IDS))
