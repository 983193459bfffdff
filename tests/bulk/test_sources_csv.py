from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, Unreadable
from airflow_provider_upstash_vector.bulk.sources.jsonl import MAX_LINE_BYTES
from tests.bulk.reading import ids, read, source, values


def written(folder: Path, content: bytes) -> str:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", b"id,data", b"id,data\r\n", b"id,d\n\n \n"])
def test_a_file_without_rows(tmp_path: Path, content: bytes) -> None:
    assert read(written(tmp_path, content)) == []


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
def test_a_row_is_what_its_cells_hold_at_the_line_where_it_begins(
    tmp_path: Path, newline: str, start: str
) -> None:
    lines = ["id,data,other", "a,x,1", "", 'b,"two', 'lines, and ""quotes""",2', "c,ü\u2028,3"]
    path = written(tmp_path, (start + "\n".join(lines)).replace("\n", newline).encode())
    before = start.count("\n")
    two_lines = f'two{newline}lines, and "quotes"'
    assert read(path) == [
        ({"id": "a", "data": "x"}, path, 2 + before),
        ({"id": "b", "data": two_lines}, path, 4 + before),
        ({"id": "c", "data": "ü\u2028"}, path, 6 + before),
    ]


def test_cells_of_vectors_and_metadata_are_json_and_others_are_text(tmp_path: Path) -> None:
    content = b"""id,vector,sparseVector,metadata,data,namespace,metadata_update_mode
007,"[0.5, 1]","{""indices"":[1],""values"":[2.5]}","{""a"":null}",12,ns,PATCH
"""
    assert values(written(tmp_path, content)) == [
        {
            "id": "007",
            "vector": [0.5, 1],
            "sparseVector": {"indices": [1], "values": [2.5]},
            "metadata": {"a": None},
            "data": "12",
            "namespace": "ns",
            "metadata_update_mode": "PATCH",
        }
    ]


def test_an_empty_cell_is_a_field_that_is_not_given(tmp_path: Path) -> None:
    path = written(tmp_path, b'id,vector,metadata,data,namespace\na,,"",,\n,,,x,\n')
    assert values(path) == [{"id": "a"}, {"data": "x"}]


def test_columns_can_be_called_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, b"doc_id,embedding,id\na,[1],7\n")
    assert values(path, id="doc_id", vector="embedding") == [{"doc_id": "a", "embedding": [1]}]


@pytest.mark.parametrize(
    ("line", "text", "reason"),
    [
        (b"x", "x", "the row has 1 cells, the header 3"),
        (b"x,[1],y,z", "x,[1],y,z", "the row has 4 cells, the header 3"),
        (b"x,[1,y", "[1", "vector is not JSON: "),
        (b'x,[1],"a"b"', 'x,[1],"a"b"', "the row is not CSV: ',' expected after '\"'"),
        (b"x,[1],caf\xe9", "x,[1],caf\ufffd", "the row is not UTF-8"),
        (b'x,[1],"\xff\ny"', 'x,[1],"\ufffd', "the row is not UTF-8"),
    ],
)
def test_a_broken_row_is_one_unreadable_row_and_the_rest_is_read(
    tmp_path: Path, line: bytes, text: str, reason: str
) -> None:
    rows = read(written(tmp_path, b"id,vector,data\na,[1],x\n" + line + b"\nb,[2],y\n"))
    assert [rows[0][0]["id"], rows[2][0]["id"]] == ["a", "b"]  # type: ignore[index]
    broken, _, place = rows[1]
    assert isinstance(broken, Unreadable)
    assert broken.reason.startswith(reason)
    assert broken.text.strip() == text
    assert place == 3


def test_a_quote_that_is_not_closed_takes_the_rows_up_to_the_next_one(tmp_path: Path) -> None:
    found = values(written(tmp_path, b'id,data\na,"x\nb,"y"\nc,z\nd,"w'))
    assert [value if isinstance(value, dict) else value.text for value in found] == [
        'a,"x\n',
        {"id": "c", "data": "z"},
        'd,"w',
    ]


def test_a_nul_is_text_or_unreadable_but_costs_no_other_row(tmp_path: Path) -> None:
    found = values(written(tmp_path, b"id,data\na,\0\nb,y\n"))
    assert len(found) == 2
    assert found[1] == {"id": "b", "data": "y"}


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_row_that_is_too_long_is_unreadable_and_the_next_one_is_read(tmp_path: Path, quote: bytes) -> None:
    long = b"x," + quote + b"y" * (MAX_LINE_BYTES + 3_000_000) + quote
    found = values(written(tmp_path, b"id,data\na,x\n" + long + b"\nb,y\n"))
    assert [found[0], found[2]] == [{"id": "a", "data": "x"}, {"id": "b", "data": "y"}]
    assert found[1].reason == "the row is not CSV: the line is longer than 16 MB"
    assert len(found[1].text) == 200


def test_a_cell_may_have_megabytes_over_many_lines(tmp_path: Path) -> None:
    cell = "y" * 100 + "\n"
    path = written(tmp_path, b'id,data\na,"' + cell.encode() * 20_000 + b'"\n')
    assert values(path) == [{"id": "a", "data": cell * 20_000}]


def test_a_larger_limit_of_the_process_stays(tmp_path: Path) -> None:
    before = csv.field_size_limit(2**30)
    try:
        values(written(tmp_path, b"id\na\n"))
        assert csv.field_size_limit() == 2**30
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"doc,vector", "there is no id column, only doc, vector"),
        (b"caf\xe9,d", "the header cannot be read: the row is not UTF-8"),
        (b'"a"b,c', "the header cannot be read: the row is not CSV: "),
        (b"id,vector,vector", "two columns hold the vector: vector and vector"),
        (b"id,sparseVector,sparse_vector", "two columns hold the sparse_vector: sparseVector and sparse_vector"),
        ("id,data".encode("utf-16"), "the file is UTF-16: write it as UTF-8"),
    ],
)
def test_a_header_that_cannot_be_used(tmp_path: Path, header: bytes, reason: str) -> None:
    path = written(tmp_path, header + b"\na,x\n")
    rows = source(path).rows(0)
    with pytest.raises(InvalidRows) as raised:
        next(rows)
    assert str(raised.value).startswith(f"{path}: {reason}")
    assert source(path).count_from(0, 60) is None


@pytest.mark.parametrize(("skip", "expected"), [(0, ["b", "e"]), (1, ["e"]), (2, [])])
def test_a_shard_is_every_nth_row_also_where_rows_are_broken(
    tmp_path: Path, skip: int, expected: list[str]
) -> None:
    path = written(tmp_path, b"id,data\na,x\n\nb,y\nc,too,many\nd,z\ne,w\n")
    assert ids(path, skip, shard=(1, 3)) == expected
    found: list[Any] = values(path, shard=(2, 3))
    assert [type(value) for value in found] == [Unreadable]
