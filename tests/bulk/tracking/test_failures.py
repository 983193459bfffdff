from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_upstash_vector.bulk.tracking.failure_lines import failure_line
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from tests.support.bulk_runs import prepared


def line(value: object, *, number: int = 0) -> bytes:
    return failure_line(value, InvalidRequest("x", "wrong"), number=number, file=None, place=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "failures.jsonl"


def test_a_line_that_the_disk_cuts_short_leaves_nothing(path: Path) -> None:
    file = prepared(path, None)
    file.write(line({"id": "a" * 1_000_000}, number=0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        with pytest.raises(WriteFailed, match="File too large"):
            file.write(line({"id": "b"}, number=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.write(line({"id": "c"}, number=2))
    file.close()
    assert [*lines(path)] == [0, 2]


def lines(path: Any) -> Iterator[int]:
    return (json.loads(text)["failure"]["row"] for text in path.read_bytes().splitlines())


def test_a_run_that_resumes_keeps_only_the_lines_of_settled_rows(path: Path) -> None:
    file = prepared(path, None)
    for number in (0, 3, 5, 9):
        file.write(line({"id": "a"}, number=number))
    whole = line({"id": "a"}, number=3)
    file.write(whole[:-1])  # a second line of a settled row, without its end
    file.close()
    second = prepared(path, {0, 3, 9}.__contains__)
    second.write(line({"id": "b"}, number=5))
    second.close()
    assert [*lines(path)] == [0, 3, 9, 5]
    assert [file.name for file in path.parent.iterdir()] == ["failures.jsonl"]


def begun(path: Path, is_settled: Callable[[int], bool] | None) -> None:
    file = prepared(path, is_settled)
    file.begin()
    file.close()


@pytest.mark.parametrize(
    "stray", [b"{", b"\xff\n", b"[]\n", b"{}\n", b'{"failure":{"row":"1"}}\n', b'{"failure":{"row":1}}', b"\n"]
)
def test_a_line_without_a_failure_is_dropped(path: Path, stray: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(line({"id": "a"}, number=0) + stray)
    begun(path, lambda _: True)
    assert [*lines(path)] == [0]


def test_a_run_that_starts_over_starts_an_empty_file(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(line({"id": "a"}))
    begun(path, None)
    assert path.read_bytes() == b""
    path.unlink()
    begun(path, lambda _: True)
    assert path.read_bytes() == b""


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UPath]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = UPath("memory://failures/rows.jsonl")
    yield path
    path.unlink(missing_ok=True)


def test_a_remote_file_is_written_when_it_is_closed(remote: UPath) -> None:
    file = prepared(remote, None)
    file.write(line({"id": "a"}, number=4))
    assert not remote.exists()
    file.close()
    assert [*lines(remote)] == [4]


def test_a_remote_file_keeps_the_lines_of_a_run_that_ended_and_one_that_died(remote: UPath) -> None:
    ended = prepared(remote, None)
    ended.write(line({"id": "a"}, number=1))
    ended.close()
    died = prepared(remote, lambda _: True)
    died.write(line({"id": "a"}, number=2))
    del died
    last = prepared(remote, lambda _: True)
    last.write(line({"id": "a"}, number=3))
    last.close()
    assert [*lines(remote)] == [1, 2, 3]


def test_a_file_that_cannot_be_copied_stays_and_its_path_is_logged(
    remote: UPath, caplog: pytest.LogCaptureFixture
) -> None:
    file = prepared(remote, None)
    file.write(line({"id": "a"}, number=4))
    file._path = UPath("file:///proc/nowhere/rows.jsonl")
    with pytest.raises(WriteFailed, match="nowhere"):
        file.close()
    kept = Path(caplog.messages[0].rpartition(" at ")[2].rstrip("."))
    assert [*lines(kept)] == [4]
