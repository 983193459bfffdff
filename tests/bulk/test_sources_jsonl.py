from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.sources import Unreadable
from airflow_provider_upstash_vector.bulk.sources.jsonl import MAX_LINE_BYTES
from tests.bulk.reading import ids, read, values


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
        (b'{"id":"x"', "the line is not JSON: unexpected end of data at character 10"),
        (b"id,vector", "the line is not JSON: unexpected character"),
        (b'{"id":"x\x00"}', "the line is not JSON: "),
        (b'{"id":"\\ud800"}', "the line is not JSON: "),
        (b'{"id":"caf\xe9"}', "the line is not UTF-8 at byte 10"),
        (b'\xef\xbb\xbf{"id":"x"}', "the line is not JSON: "),
        (b"[" * 5000 + b"]" * 5000, "the line is not JSON: "),
        (b'{"id":"x","vector":[NaN]}', "the line is not JSON: "),
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
    assert broken.text == line[:200].decode(errors="replace")
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


@pytest.mark.parametrize("content", [b'[{"id":"a"}]', b"7", b'"text"', b"null", b"true"])
def test_json_that_is_no_object_is_left_to_the_encoder(tmp_path: Path, content: bytes) -> None:
    assert not isinstance(values(written(tmp_path, content))[0], dict | Unreadable)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("shard", [None, (0, 1)])
def test_a_line_that_is_too_long_is_unreadable_and_the_next_one_is_read(
    tmp_path: Path, ending: bytes, shard: tuple[int, int] | None
) -> None:
    long = b'{"id":"' + b"x" * (MAX_LINE_BYTES + 3_000_000) + b'"}'
    lines = [b'{"id":"a"}\n', long, ending, b'{"id":"b"}\n' if ending else b""]
    found = values(written(tmp_path, b"".join(lines)), shard=shard)
    assert found[0] == {"id": "a"}
    assert found[1].reason == "the line is longer than 16 MB"
    assert len(found[1].text) == 200
    assert found[2:] == ([{"id": "b"}] if ending else [])


@pytest.mark.parametrize("excess", [0, 1])
def test_a_line_may_have_16_mb(tmp_path: Path, excess: int) -> None:
    rest = len('{"id":""}\n')
    content = b'{"id":"' + b"x" * (MAX_LINE_BYTES - rest + excess) + b'"}\n{"id":"b"}\n'
    found: list[Any] = values(written(tmp_path, content))
    assert len(found) == 2
    assert found[1] == {"id": "b"}
    assert isinstance(found[0], Unreadable) is bool(excess) or found[0]["id"]


def test_a_shard_tells_the_byte_where_a_row_begins(tmp_path: Path) -> None:
    path = written(tmp_path, b'\n{"id":"a"}\r\n\r\nbroken\n{"id":"b"}')
    assert [place for _, _, place in read(path, shard=(0, 1))] == ["byte 1", "byte 15", "byte 22"]


def test_a_shard_begins_with_the_line_that_begins_at_its_first_byte(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"id":"a"}\n{"id":"b"}\n')
    assert ids(path, shard=(0, 2)) == ["a"]
    assert ids(path, shard=(1, 2)) == ["b"]
