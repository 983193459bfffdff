"""A folder that Spark writes is read as its parts, and only if it is complete."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from upath import UPath

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, local_paths
from tests.support.reading import ids, read, source


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "local":
        yield tmp_path / "movies.parquet"
        return
    path = UPath("memory://bucket/movies.parquet")
    yield path
    path.fs.rm("/bucket", recursive=True)


def put(folder: Any, **contents: bytes | str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder)


def rows_of(folder: Any, **arguments: Any) -> list[str]:
    return ids(folder if isinstance(folder, UPath) else str(folder), **arguments)


def line(id: str) -> str:
    return f'{{"id":"{id}","data":"x"}}\n'


def test_the_parts_are_read_in_the_order_of_their_numbers(folder: Any) -> None:
    put(folder, **{"part-00002-c000.json": line("c"), "part-100000-c000.json": line("d")})
    put(folder, **{"part-00000-c000.json": line("a")})
    put(folder, **{"part-00001-c000.json.gz": gzip.compress(line("b").encode())})
    others = ["_SUCCESS", "_committed_1", ".part-00000-c000.json.crc", "part-00009.json"]
    put(folder, **dict.fromkeys(others, ""))
    assert rows_of(folder) == ["a", "b", "c", "d"]
    assert rows_of(folder, skip=2) == ["c", "d"]
    assert sorted(rows_of(folder, shard=(0, 2)) + rows_of(folder, shard=(1, 2))) == ["a", "b", "c", "d"]


def test_rows_have_the_number_of_their_line_in_their_part(folder: Any) -> None:
    parts = {"part-00000.csv": "id,data\na,x\nb,y\n", "part-00001.csv": "id,data\nc,z\n"}
    put(folder, _SUCCESS="", **parts)
    found = [(str(path).rpartition("/")[2], place) for _, path, place in read(folder)]
    assert found == [("part-00000.csv", 2), ("part-00000.csv", 3), ("part-00001.csv", 2)]


def test_parquet_parts_have_a_total_and_another_part_changes_the_fingerprint(tmp_path: Path) -> None:
    put(tmp_path, _SUCCESS="")
    for number in range(3):
        table = pa.table({"id": [f"{number}-{row}" for row in range(4)], "data": ["x"] * 4})
        parquet.write_table(table, tmp_path / f"part-0000{number}-abc.snappy.parquet")
    before = source(str(tmp_path))
    assert before.total == 12
    assert rows_of(tmp_path, skip=5) == ["1-1", "1-2", "1-3", "2-0", "2-1", "2-2", "2-3"]
    parquet.write_table(table, tmp_path / "part-00003-abc.snappy.parquet")
    assert source(str(tmp_path)).fingerprint != before.fingerprint


def test_a_map_reduce_folder_with_a_format(folder: Any) -> None:
    put(folder, _SUCCESS="", **{"part-r-00001": line("b"), "part-r-00000": line("a")})
    assert rows_of(folder, format="jsonl") == ["a", "b"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["part-00000.json", "_SUCCESS", "_temporary/0"], "has a folder _temporary: its job still runs"),
        (["part-00000.json", "_temporary/0"], "has a folder _temporary"),
        (["part-00000.json"], "without the file _SUCCESS, which Spark writes last. Wait for its job"),
        (["rows.json"], r"pass a glob such as .*movies\.parquet/\*\.parquet"),
        (["_SUCCESS"], r"has no part-\* files"),
        (["_SUCCESS", "genre=crime/part-00000.json"], r"pass .*movies\.parquet/\*/part-\*"),
    ],
)
def test_an_incomplete_folder_is_refused(folder: Any, names: list[str], message: str) -> None:
    for name in names:
        path = folder / name
        put(path.parent, **{path.name: line("a")})
    with pytest.raises(InvalidRows, match=message):
        source(folder)


def test_files_and_folders_together(tmp_path: Path) -> None:
    first = put(tmp_path / "out", _SUCCESS="", **{"part-00000.json": line("a")})
    (tmp_path / "rows.jsonl").write_text(line("b"))
    assert ids([first, str(tmp_path / "rows.jsonl"), f"file://{first}/"]) == ["a", "b", "a"]
    assert local_paths(first) == [tmp_path / "out"]


def test_a_file_that_has_become_a_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(line("a"))
    rows = source(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl").unlink()
    put(tmp_path / "rows.jsonl", part="")
    with pytest.raises(InvalidRows, match=r"rows.jsonl: it is a directory, not a file"):
        next(rows.rows(0))


def test_a_glob_matches_folders_of_spark_too(tmp_path: Path) -> None:
    put(tmp_path / "a.json", _SUCCESS="", **{"part-00000.json": line("a"), "part-00001.json": line("b")})
    put(tmp_path, **{"c.json": line("c")})
    put(tmp_path / "other.json", **{"x.json": line("x")})  # not of Spark
    assert ids(f"{tmp_path}/*.json") == ["a", "b", "c"]
    assert sorted(ids(f"{tmp_path}/**/*.json")) == ["a", "b", "c", "x"]
    put(tmp_path / "d.json" / "_temporary", **{"part-00000.json": line("d")})
    with pytest.raises(InvalidRows, match=r"d\.json has a folder _temporary"):
        ids(f"{tmp_path}/*.json")
