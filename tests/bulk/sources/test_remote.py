from __future__ import annotations

import gzip
import io
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet
from upath import UPath

from airflow_provider_upstash_vector.bulk.sources import PENDING, InvalidRows, SourceBroken
from tests.support.file_systems import HAS_CHAINS
from tests.support.reading import ids, source

ROWS = b"".join(orjson.dumps({"id": str(row), "data": "ü" * (row % 50)}) + b"\n" for row in range(5000))
IDS = [str(row) for row in range(5000)]


@pytest.fixture(params=["memory", "file", *["simplecache"] * HAS_CHAINS])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UPath]:
    if request.param == "memory":
        path = UPath(f"memory://{uuid.uuid4()}")
        path.mkdir(parents=True)
        yield path
        path.fs.rm(path.path, recursive=True)
    else:
        chain = "simplecache::file" if request.param == "simplecache" else "file"
        yield UPath(f"{chain}://{tmp_path}")


def written(path: UPath, content: bytes) -> UPath:
    with path.open("wb") as file:
        file.write(content)
    return path


def parquet_bytes() -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"id": IDS}), file, row_group_size=700)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", ROWS),
        ("rows.jsonl.gz", gzip.compress(ROWS)),
        ("rows.csv", b"id\n" + "\n".join(IDS).encode()),
        ("rows.parquet", parquet_bytes()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_of_any_file_system_are_read_like_local_ones(folder: UPath, name: str, content: bytes) -> None:
    path = written(folder / name, content)
    opened = source(path)
    assert opened.blocking
    assert [row[0]["id"] for row in opened.rows(0) if row is not PENDING] == IDS  # type: ignore[index]
    assert opened.fraction() == 1.0
    assert opened.count_from(1000, 60) == 4000
    assert ids(path, 4990) == IDS[4990:]
    assert sorted(ids(path, shard=(0, 3)) + ids(path, shard=(1, 3)) + ids(path, shard=(2, 3)), key=int) == IDS


def test_several_paths_of_several_file_systems(tmp_path: Path) -> None:
    memory = written(UPath(f"memory://{uuid.uuid4()}.jsonl"), b'{"id":"a"}\n')
    here = tmp_path / "rows.jsonl"
    here.write_bytes(b'{"id":"b"}\n')
    assert ids([memory, here]) == ["a", "b"]
    assert source([memory, here]).blocking
    assert not source([here]).blocking


def test_a_remote_file_that_is_not_there() -> None:
    with pytest.raises(InvalidRows, match=r"there is no file .*rows.jsonl"):
        source(UPath(f"memory://{uuid.uuid4()}/rows.jsonl"))


def test_a_caller_finds_the_paths_of_uris() -> None:
    path = written(UPath(f"memory://{uuid.uuid4()}.jsonl"), b'{"id":"a"}\n')
    assert ids(str(path), find_paths=lambda uri: [UPath(uri)]) == ["a"]
    with pytest.raises(InvalidRows, match="no file matches"):
        source(str(path), find_paths=lambda _: [])


class SlowFile(io.BytesIO):
    """A file whose network stands still, or breaks."""

    waiting = threading.Event()
    go_on = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            self.waiting.set()
            self.go_on.wait(60)
            raise ConnectionResetError("the network is gone")
        return super().read(size)


class SlowPath:
    def open(self, mode: str) -> Any:
        assert mode == "rb"
        return SlowFile(b'{"id":"a"}\n' * 100_000)

    def stat(self) -> os.stat_result:
        return os.stat_result((0, 0, 0, 0, 0, 0, 1_100_000, 0, 0, 0))

    def __str__(self) -> str:
        return "slow://rows.jsonl"


def test_progress_can_be_asked_while_the_network_stands_still() -> None:
    opened = source(SlowPath())
    found: list[object] = []

    def reading() -> None:
        try:
            found.extend(row for row in opened.rows(0) if row is not PENDING)
        except SourceBroken as error:
            found.append(error)

    thread = threading.Thread(target=reading, daemon=True)
    thread.start()
    assert SlowFile.waiting.wait(60)
    fraction = opened.fraction()
    SlowFile.go_on.set()
    thread.join(60)
    assert not thread.is_alive()
    assert fraction is not None
    assert 0.1 < fraction < 0.9
    assert str(found[-1]).startswith(
        f"reading slow://rows.jsonl failed after {len(found) - 1:,} rows: the network"
    )
    assert len(found) > 20_000
