from __future__ import annotations

import sys
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, Unreadable
from airflow_provider_upstash_vector.bulk.sources.base import MAX_ROW_BYTES
from tests.support.reading import ids, read, source, values


def written(folder: Path, content: bytes) -> str:
    path = folder / "rows.jsonl"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (b"", []),
        (b"\n\r\n \t\n", []),
        (b"\xef\xbb\xbf", []),
        (b"\xef\xbb\xbf\r\n", []),
        (b'{"id":"a"}', [1]),
        (b'{"id":"a"}\n', [1]),
        (b'\xef\xbb\xbf{"id":"a"}\n{"id":"b"}', [1, 2]),
        (b'\n\n{"id":"a"}\n \n\n{"id":"b"}\n\n', [3, 6]),
        (b'{"id":"a"}\r\n\r\n{"id":"b"}\r\n', [1, 3]),
        ('{"id":"\u2028\x85ü"}\n{"id":"b"}'.encode(), [1, 2]),
    ],
)
def test_each_line_that_is_not_blank_is_a_row_with_its_number(
    tmp_path: Path, content: bytes, places: list[int]
) -> None:
    path = written(tmp_path, content)
    rows = read(path)
    assert [(file, place) for _, file, place in rows] == [(path, place) for place in places]
    assert all(isinstance(value, dict) and value["id"] for value, _, _ in rows)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id":"x"', "the row is not JSON: unexpected end of data at character 10"),
        (b"id,vector", "the row is not JSON: unexpected character"),
        (b'{"id":"x\x00"}', "the row is not JSON: "),
        (b'{"id":"\\ud800"}', "the row is not JSON: "),
        (b'{"id":"caf\xe9"}', "the row is not UTF-8 at byte 10"),
        (b'{"id":"a"}{"id":"b"', "the row is not JSON: unexpected content after document at character 10"),
        (b'{"id":"x","metadata":{"n":1e400}}', "the row is not JSON: number is infinity"),
        (b'{"id":"x","data":"' + b"y" * 5000, "the row is not JSON: "),
        (b'\xef\xbb\xbf{"id":"x"}', "the row is not JSON: "),
        (b"[" * 5000 + b"]" * 5000, "the row is not JSON: "),
        (b'{"id":"x","vector":[NaN]}', "the row is not JSON: "),
    ],
)
def test_a_broken_line_is_one_unreadable_row_and_the_rest_is_read(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    rows = read(written(tmp_path, b'{"id":"a"}\n' + line + b'\n{"id":"b"}\n'))
    assert [rows[0][0], rows[2][0]] == [{"id": "a"}, {"id": "b"}]
    broken, _, place = rows[1]
    assert isinstance(broken, Unreadable)
    assert broken.reason.startswith(reason)
    assert broken.text == line.decode(errors="backslashreplace")
    assert place == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_no_row_of_a_utf_16_file_is_taken(tmp_path: Path, encoding: str) -> None:
    found = values(written(tmp_path, '{"id":"a"}\n{"id":"b"}\n'.encode(encoding)))
    assert found
    assert all(isinstance(value, Unreadable) for value in found)
    if encoding == "utf-16":
        assert found[0].reason == "the file is UTF-16: write it as UTF-8"


def test_a_json_array_over_many_lines_gives_unreadable_rows(tmp_path: Path) -> None:
    found = values(written(tmp_path, b'[\n{"id":"a"},\n{"id":"b"}\n]\n'))
    assert [type(value) for value in found] == [Unreadable, Unreadable, dict, Unreadable]


@pytest.mark.parametrize("content", ["[1]", "7", '"text"', "null", "true"])
def test_json_that_is_not_an_object_is_kept_as_it_stands(tmp_path: Path, content: str) -> None:
    (row,) = values(written(tmp_path, f"{content}\n".encode()))
    assert row.text == content
    assert row.reason.startswith("must be an object with the fields of a row, got ")


@pytest.mark.parametrize("content", [b'[{"id":"a"},{"id":"b"}]', b'\xef\xbb\xbf[{"id":"a"}]'])
def test_an_array_of_rows_ends_the_run(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InvalidRows, match="line 1 is an array of rows: write each of them on its own line"):
        read(path)
    with pytest.raises(InvalidRows, match="the line at byte 0 is an array of rows"):
        read(path, shard=(0, 1))


@pytest.mark.parametrize("between", ["", " ", ",", " ,\t", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_each_object_of_a_line_is_a_row(tmp_path: Path, between: str, mark: str) -> None:
    path = written(tmp_path, f'{mark}{{"id":"a}}{{"}}{between}{{"id":"b"}}\n{{"id":"c"}}'.encode())
    whole = [({"id": "a}{"}, path, 1), ({"id": "b"}, path, 1), ({"id": "c"}, path, 2)]
    assert [read(path, skip) for skip in range(4)] == [whole[skip:] for skip in range(4)]
    assert source(path).count_from(0, 60) == 3


def test_an_object_that_orjson_refuses_is_a_row_of_its_own_on_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id":"a","x":NaN}{"id":"b"}\n')
    found = values(path)
    assert found[0].text == '{"id":"a","x":NaN}'
    assert found[1:] == [{"id": "b"}] == values(path, 1)


@pytest.mark.parametrize("number", [2**64 + 1, -(2**63) - 1, 2**70 + 1, 10**300])
def test_integers_are_exact(tmp_path: Path, number: int) -> None:
    path = written(tmp_path, b'{"id":"a","metadata":{"x":{"n":[%d]},"large":1e19}}\n' % number)
    assert values(path) == [{"id": "a", "metadata": {"x": {"n": [number]}, "large": 1e19}}]


def test_an_integer_in_what_nests_too_deeply_to_keep_it_rejects_the_row(tmp_path: Path) -> None:
    nested = b'{"x":' * 1000 + b"%d" % 2**70 + b"}" * 1000
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # what is imported may have raised it
    try:
        (row,) = values(written(tmp_path, b'{"id":"a","metadata":' + nested + b"}"))
    finally:
        sys.setrecursionlimit(limit)
    assert isinstance(row, Unreadable)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("shard", [None, (0, 1)])
def test_a_line_that_is_too_long_ends_the_run(
    tmp_path: Path, ending: bytes, shard: tuple[int, int] | None
) -> None:
    long = b'{"id":"' + b"x" * (MAX_ROW_BYTES + 3_000_000) + b'"}'
    path = written(tmp_path, b'{"id":"a"}\n' + long + ending)
    with pytest.raises(InvalidRows, match="line at byte 11 is longer" if shard else "line 2 is longer than 16 MB"):
        read(path, shard=shard)


@pytest.mark.parametrize("excess", [0, 1])
def test_a_line_may_have_16_mb(tmp_path: Path, excess: int) -> None:
    rest = len('{"id":""}\n')
    path = written(tmp_path, b'{"id":"' + b"x" * (MAX_ROW_BYTES - rest + excess) + b'"}\n{"id":"b"}\n')
    if excess:
        with pytest.raises(InvalidRows, match="line 1 is longer than 16 MB"):
            read(path)
    else:
        assert [len(id) for id in ids(path)] == [MAX_ROW_BYTES - rest, 1]


def test_a_shard_tells_the_byte_where_a_row_begins(tmp_path: Path) -> None:
    path = written(tmp_path, b'\n{"id":"a"}\r\n\r\nbroken\n{"id":"b"}')
    assert [place for _, _, place in read(path, shard=(0, 1))] == ["byte 1", "byte 15", "byte 22"]


def test_a_shard_begins_with_the_line_that_begins_at_its_first_byte(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id":"a"}\n{"id":"b"}\n')
    assert ids(path, shard=(0, 2)) == ["a"]
    assert ids(path, shard=(1, 2)) == ["b"]
