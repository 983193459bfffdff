from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_upstash_vector.bulk.sources import formats
from tests.support.reading import CountingPath, ids, read, source, values

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
contents = st.lists(st.tuples(texts, st.sampled_from(["\n", "\r\n", "\n\n", "\r\n \t\r\n"])), max_size=30)
Write = Callable[[Path, list[tuple[str, str]], int], list[str]]


def jsonl_bytes(lines: list[tuple[str, str]], first: int) -> tuple[bytes, list[str]]:
    """Return lines with ids from ``first`` on; what stands between them may be blank lines."""
    rows = [orjson.dumps({"id": str(first + row), "data": text}) for row, (text, _) in enumerate(lines)]
    ends = [end.encode() for _, end in lines]
    content = b"".join(part for pair in zip(rows, ends, strict=True) for part in pair)
    content = content if len(lines) % 2 else content.rstrip()  # with and without an end of the last line
    return content, [str(first + row) for row in range(len(rows))]


def jsonl(path: Path, lines: list[tuple[str, str]], first: int) -> list[str]:
    content, found = jsonl_bytes(lines, first)
    mark = b"\xef\xbb\xbf" if len(lines) % 3 == 0 else b""
    path.with_suffix(".jsonl").write_bytes(mark + content)
    return found


def jsonl_gz(path: Path, lines: list[tuple[str, str]], first: int) -> list[str]:
    content, found = jsonl_bytes(lines, first)
    path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(content))
    return found


def jsonl_zst(path: Path, lines: list[tuple[str, str]], first: int) -> list[str]:
    content, found = jsonl_bytes(lines, first)
    path.with_suffix(".jsonl.zst").write_bytes(formats.zstd().compress(content))
    return found


def csv_file(path: Path, lines: list[tuple[str, str]], first: int) -> list[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="", quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "data"])
    for row, (value, end) in enumerate(lines):
        text.write(end)
        writer.writerow([str(first + row), value])
    path.with_suffix(".csv").write_bytes(text.getvalue().encode())
    return [str(first + row) for row in range(len(lines))]


def parquet_file(path: Path, lines: list[tuple[str, str]], first: int) -> list[str]:
    found = [str(first + row) for row in range(len(lines))]
    columns = {"id": pa.array(found, pa.string()), "data": pa.array([text for text, _ in lines], pa.string())}
    parquet.write_table(pa.table(columns), path.with_suffix(".parquet"), row_group_size=1 + len(lines) // 4)
    return found


each_format = pytest.mark.parametrize("write", [jsonl, jsonl_gz, jsonl_zst, csv_file, parquet_file])


@each_format
@given(files=st.lists(contents, min_size=1, max_size=3), of=st.integers(1, 9))
def test_the_shards_have_every_row_once_and_in_order(
    write: Write, files: list[list[tuple[str, str]]], of: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected: list[str] = []
        for number, lines in enumerate(files):
            expected += write(Path(folder) / str(number), lines, 1000 * number)
        glob = f"{folder}/*"
        assert ids(glob) == expected
        parts = [ids(glob, shard=(number, of)) for number in range(of)]
        assert sorted(map(int, chain(*parts))) == [int(id) for id in expected]
        assert all(part == sorted(part, key=int) for part in parts)
        assert [source(glob, shard=(number, of)).count_from(0, 60) for number in range(of)] == list(
            map(len, parts)
        )


@each_format
@given(
    files=st.lists(contents, min_size=1, max_size=3),
    shard=st.none() | st.sampled_from([(0, 1), (0, 3), (2, 3)]),
    data=st.data(),
)
def test_what_is_read_after_a_skip_is_the_rest(
    write: Write, files: list[list[tuple[str, str]]], shard: tuple[int, int] | None, data: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, lines in enumerate(files):
            write(Path(folder) / str(number), lines, 1000 * number)
        whole = read(f"{folder}/*", shard=shard)
        skip = data.draw(st.integers(0, len(whole)), "skip")
        opened = source(f"{folder}/*", shard=shard)
        assert opened.count_from(skip, 60) == len(whole) - skip
        assert read(f"{folder}/*", skip, shard=shard) == whole[skip:]
        assert opened.total in {None, len(whole)}


@given(content=st.lists(st.sampled_from([b"\n", b"\r", b" ", b"1", b"{", b"\xef\xbb\xbf", b"\xff"]), max_size=40))
def test_bytes_of_any_kind_are_the_same_rows_in_shards_and_after_a_skip(content: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(b"".join(content))
        whole = values(path)
        for of in (1, 2, 5):
            assert list(chain(*(values(path, shard=(number, of)) for number in range(of)))) == whole
        for skip in range(len(whole) + 1):
            assert values(path, skip) == whole[skip:]


@given(content=st.lists(st.sampled_from(["\n", "\r", " ", "a", ",", '"', "a,b\n", "\xe9"]), max_size=40))
def test_csv_text_of_any_kind_is_the_same_rows_in_shards_and_after_a_skip(content: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes(b"id,data\n" + "".join(content).encode("latin-1"))
        whole = values(path)
        assert [values(path, shard=(number, 3)) for number in range(3)] == [whole[part::3] for part in range(3)]
        for skip in range(len(whole) + 1):
            assert values(path, skip) == whole[skip:]


def test_a_shard_of_json_lines_reads_little_more_than_its_range(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(orjson.dumps({"id": str(row), "data": "x" * 100}) + b"\n" for row in range(100_000)))
    size = path.stat().st_size
    for number in (0, 4, 9):
        counting = CountingPath(path)
        assert len(values(counting, shard=(number, 10))) >= 9_900
        assert counting.bytes_read < size / 10 + 600_000 < size / 5


def test_skipped_lines_are_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'broken\n\n{"id":"a"}\n')
    assert values(path, 1) == [{"id": "a"}]
    assert values(path, 1, shard=(0, 1)) == [{"id": "a"}]
    assert source(path).count_from(0, 60) == 2
