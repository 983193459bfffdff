"""A ``.json`` file holds one array of rows, or a row on each line."""

from __future__ import annotations

import gzip
import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.sources import PENDING, InvalidRows, SourceBroken, Unreadable, json_array
from tests.support.reading import ids, read, source, values

texts = st.text(st.sampled_from('ab"\\[]{},:\n é😀'), max_size=12)
parts = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
arrays = st.lists(st.dictionaries(texts, parts, max_size=4), max_size=8)


def written(folder: Path, content: bytes | str, name: str = "rows.json") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    arrays, st.integers(1, 40), st.sampled_from([None, 2]), st.booleans(), st.sampled_from(["", "\ufeff", "\n"])
)
def test_an_array_has_the_elements_that_a_json_parser_finds(
    monkeypatch: pytest.MonkeyPatch, rows: list[Any], piece: int, indent: int | None, ascii: bool, start: str
) -> None:
    monkeypatch.setattr(json_array, "_PIECE_BYTES", piece)
    content = start + json.dumps(rows, indent=indent, ensure_ascii=ascii) + " \r\n"
    file = io.BufferedReader(io.BytesIO(content.encode()), 16)
    assert json_array.begins(file)
    found = [element for element in json_array.elements(file) if element is not PENDING]
    assert [json.loads(text) for _, _, text in found] == rows
    assert [place for place, _, _ in found] == [f"element {n}" for n in range(1, len(rows) + 1)]


@pytest.fixture
def array(tmp_path: Path) -> str:
    return written(tmp_path, json.dumps([{"id": str(n), "data": "x"} for n in range(10)]))


def test_rows_are_skipped_and_sharded(array: str, tmp_path: Path) -> None:
    assert ids(array, skip=7) == ["7", "8", "9"]
    assert [ids(array, shard=(n, 3)) for n in range(3)] == [["0", "3", "6", "9"], ["1", "4", "7"], ["2", "5", "8"]]
    assert ids(array, skip=1, shard=(1, 3)) == ["4", "7"]
    packed = written(tmp_path, gzip.compress(Path(array).read_bytes()), "packed.json.gz")
    assert ids(packed) == ids(array) == ids(written(tmp_path, Path(array).read_bytes(), "rows.txt"), format="json")
    assert source(array).count_from(3, 60) == 7


def test_a_json_file_may_still_hold_lines(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f'{{"id":"{n}","data":"[x]"}}\n' for n in range(100)))
    assert ids(path) == [str(n) for n in range(100)]
    shards = [read(path, shard=(n, 2)) for n in range(2)]
    assert [row["id"] for shard in shards for row, _, _ in shard] == ids(path)  # type: ignore[index]
    assert str(shards[1][0][2]).startswith("byte ")  # a shard of lines is a range of bytes, as in a .jsonl file


def test_one_element_that_is_no_row_costs_one_row(tmp_path: Path) -> None:
    wrong = ["1", '"a,b]"', "[]", '{"id": 1,}', '{"id": "x" "y"}', "null", "\u00a0"]
    path = written(tmp_path, f'[{{"id":"a"}},{",".join(wrong)},{{"id":"b"}},]')
    found = values(path)
    assert [found[0], found[-1]] == [{"id": "a"}, {"id": "b"}]
    assert [type(row) for row in found[1:-1]] == [Unreadable] * len(wrong)
    assert found[2] == Unreadable('"a,b]"', "must be an object with the fields of a row, got str 'a,b]'")


def test_integers_are_exact(tmp_path: Path) -> None:
    assert values(written(tmp_path, f'[{{"id":{2**70 + 1}}}]')) == [{"id": 2**70 + 1}]


@pytest.mark.parametrize("end", ["", ",", '{"id":"b"', '{"id":"b', '{"id":"b\\', ",[", '{"id":"b"}, '])
def test_rows_before_the_end_of_a_cut_array_are_read(tmp_path: Path, end: str) -> None:
    rows = source(written(tmp_path, '[{"id":"a"},' + end)).rows(0)
    assert next(rows)[0] == {"id": "a"}  # type: ignore[index]  # not PENDING
    with pytest.raises(SourceBroken, match="it ends within the array, in element") as caught:
        list(rows)
    assert caught.value.rows_read >= 1


@pytest.mark.parametrize("rest", [" [1]", "]", "\n{}", "x"])
def test_nothing_may_follow_an_array(tmp_path: Path, rest: str) -> None:
    with pytest.raises(InvalidRows, match="something follows the array of 1 elements"):
        read(written(tmp_path, '[{"id":"a"}]' + rest))


@pytest.mark.parametrize("content", ["[]", " [ ]\n", "[\n\n]"])
def test_an_empty_array_has_no_rows(tmp_path: Path, content: str) -> None:
    assert read(written(tmp_path, content)) == []


def test_an_element_that_is_too_large_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_ROW_BYTES", 300_000)
    path = written(tmp_path, '[{"id":"a"},{"data":"' + "x" * 600_000 + '"}]')
    with pytest.raises(InvalidRows, match="element 2 of the array is larger than 16 MB"):
        read(path)


def test_memory_does_not_grow_with_the_array(tmp_path: Path) -> None:
    row = {"id": "a", "data": "x" * 1_000}
    path = written(tmp_path, "[" + ",".join([json.dumps(row)] * 5_000) + "]")  # 5 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in source(path).rows(0)) >= 5_000
        assert tracemalloc.get_traced_memory()[1] < 2_500_000
    finally:
        tracemalloc.stop()


def test_a_long_string_is_searched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = 0

    class Counting:
        def match(self, text: bytes, position: int) -> re.Match[bytes] | None:
            nonlocal searched
            found = pattern.match(text, position)
            searched += found.end() - position if found else 0
            return found

    pattern = json_array._IN_STRING
    monkeypatch.setattr(json_array, "_IN_STRING", Counting())
    rows = [{"id": "a", "data": 'x\\"' * 400_000}, {"id": "b"}]
    path = written(tmp_path, gzip.compress(json.dumps(rows).encode()), "rows.json.gz")
    assert values(path) == rows
    assert searched < 2 * len(json.dumps(rows))
