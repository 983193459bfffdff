from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.operations.update import Update, UpdateOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames, InvalidRows, Unreadable, csv_records
from airflow_provider_upstash_vector.bulk.sources.base import MAX_ROW_BYTES
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from tests.support.reading import ids, read, source, values


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
        (b"x", "x", "the row has 1 cell, the header 3"),
        (b"x,[1],y,z", "x,[1],y,z", "the row has 4 cells, the header 3"),
        (b'x,[1],"a"b"', 'x,[1],"a"b"', "the row is not CSV: ',' expected after '\"'"),
        (b"x,[1],caf\xe9", "x,[1],caf\\xe9", "the row is not UTF-8"),
        (b'x,[1],"\xff\ny"', 'x,[1],"\\xff\ny"', "the row is not UTF-8"),
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


def test_a_quote_that_is_never_closed_costs_one_row_of_two_thousand(tmp_path: Path) -> None:
    lines = [f"r{number},text" for number in range(1, 2001)]
    lines[9] = 'r10,"5 inch screen'
    path = written(tmp_path, "\n".join(["id,data", *lines]).encode())
    rows = read(path)
    broken, _, place = rows.pop(9)
    assert broken == Unreadable(
        'r10,"5 inch screen\n',
        "the row is not CSV: the quote opened in column data is never closed (line 2001: unexpected end of data)",
    )
    assert place == 11
    expected = [({"id": f"r{number}", "data": "text"}, path, number + 1) for number in range(1, 2001)]
    assert rows == expected[:9] + expected[10:]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('a,"x\nb,"y"\nc,z\nd,"w', ['a,"x', "b", "c", 'd,"w']),  # closed by a quote that opens a cell
        ('a,"x\nb,""\nc,z', ['a,"x', "b", "c"]),  # an escaped quote, to the end of the file
        ('a,"x\nb,y\nc",z,z\nd,z', ['a,"x', "b", 'c",z,z', "d"]),  # one record, but with too many cells
        ('a,"x\nb,y"z\nc,z', ['a,"x', 'b,y"z', "c"]),  # the end of a cell may look like a row
        ('a,"x\nb,"two\nlines"\nc,z', ['a,"x', "b", "c"]),  # rows that are read again may have many lines
        ('a,"x\n\n \nb,"y', ['a,"x', 'b,"y']),
    ],
)
def test_what_a_wrong_quote_took_is_read_again(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = values(written(tmp_path, f"id,data\n{content}\n".encode()))
    assert [value["id"] if isinstance(value, dict) else value.text.rstrip("\n") for value in found] == expected


def test_a_quote_that_is_open_for_too_long_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_CHARS", 1000)
    rows = "".join(f"r{number},x\n" for number in range(1000))
    found = values(written(tmp_path, f'id,data\na,"x\n{rows}'.encode()))
    assert found[0].reason == (
        "the row is not CSV: the quote opened in column data is never closed "
        "(line 160: it would be larger than 0 MB)"
    )
    assert [value["id"] for value in found[1:]] == [f"r{number}" for number in range(1000)]


def test_quotes_that_are_open_on_every_line_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_CHARS", 10_000)  # what is read again is limited as a multiple
    path = written(tmp_path, b"id,data\n" + b'x","y\n' * 1_000)
    with pytest.raises(InvalidRows, match=r"line \d+: quotes are left open on too many lines"):
        read(path)


def test_a_cell_that_is_not_json_is_kept_with_its_row(tmp_path: Path) -> None:
    (row,) = values(written(tmp_path, b"id,vector,data\na,[1,x\n"))
    assert row == {"id": "a", "vector": "[1", "data": "x"}
    with pytest.raises(InvalidRequest, match="vector: is neither JSON nor a Python literal: unexpected end"):
        Update(FieldNames()).encode(row)


@pytest.mark.parametrize("number", [2**64 + 1, -(2**63) - 1, 2**70 + 1, 10**300])
def test_an_integer_of_metadata_is_exact(tmp_path: Path, number: int) -> None:
    (row,) = values(written(tmp_path, b'id,metadata\na,"{""n"":[%d]}"\n' % number))
    assert row == {"id": "a", "metadata": {"n": [number]}}


@pytest.mark.parametrize("name", ["Namespace", "NAMESPACE", " Namespace "])
def test_a_column_with_almost_the_name_of_a_field_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"id,data,{name}\nr1,x,movies\n")
    with pytest.raises(
        InvalidRows, match=r"column .N.*. is not used: rename it, or set namespace_field to its name"
    ):
        read(path)


def test_a_column_beside_the_field_with_almost_its_name_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,data,Data\nr1,x,y\n")
    assert [row for row, *_ in read(path)] == [{"id": "r1", "data": "x"}]


def test_spaces_around_the_name_of_a_column_do_not_lose_it(tmp_path: Path) -> None:
    assert values(written(tmp_path, b"id, metadata ,data\na,{},x\n")) == [{"id": "a", "metadata": {}, "data": "x"}]


def test_a_nul_is_text_or_unreadable_but_costs_no_other_row(tmp_path: Path) -> None:
    found = values(written(tmp_path, b"id,data\na,\0\nb,y\n"))
    assert len(found) == 2
    assert found[1] == {"id": "b", "data": "y"}


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_line_that_is_too_long_ends_the_run(tmp_path: Path, quote: bytes) -> None:
    long = b"x," + quote + b"y" * (MAX_ROW_BYTES + 3_000_000) + quote
    path = written(tmp_path, b"id,data\na,x\n" + long + b"\nb,y\n")
    with pytest.raises(InvalidRows, match="line 3 is longer than 16 MB"):
        read(path)


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
        (b"doc,vector", "there is no id column; found doc, vector"),
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


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("id;data;x", 'a;"1,5;2";y', {"id": "a", "data": "1,5;2"}),
        ("id\tdata", "a\tx;y", {"id": "a", "data": "x;y"}),
        ("id,data;x", "a,y;z", {"id": "a"}),
        ("data;id,x", "y;z,a", None),
        ('"id";"data"', '"a";"x"', {"id": "a", "data": "x"}),
        ("data;other,name;id", "x;y;a", {"id": "a", "data": "x"}),
        ('\ufeff"da\nta"; id ;data', "1;a;x", {"id": "a", "data": "x"}),
        ("\n\n\nid;data", "a;x", {"id": "a", "data": "x"}),
        ("id", "a", {"id": "a"}),
        ("id\tnamespace\tdata", "a\t\tx", {"id": "a", "data": "x"}),
    ],
)
def test_the_header_says_what_separates_cells(
    tmp_path: Path, header: str, row: str, expected: dict[str, str] | None
) -> None:
    path = written(tmp_path, f"{header}\n{row}\n".encode())
    if expected is None:
        with pytest.raises(InvalidRows, match=r"there is no id column; found data;id, x .*pass delimiter="):
            read(path)
        return
    assert read(path) == [(expected, path, header.count("\n") + 2)]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id|data", r"there is no id column; found id\|data \(if neither a comma, .* pass delimiter="),
        ("Id;data", "column 'Id' is not used: rename it, or set id_field to its name .*pass delimiter="),
        ("id,x;id", "the header has an id column whether ',' or ';' separates the cells: pass delimiter="),
        ('"id;data', "the header cannot be read: the row is not CSV"),
    ],
)
def test_a_header_that_does_not_say_it_is_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(InvalidRows, match=message):
        read(written(tmp_path, f"{header}\na,x\n".encode()))


def test_a_delimiter_that_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, b'id|data\na|"x|y"\nb|"open\nc|xz\n')
    rows = values(path, delimiter="|")
    assert [row["id"] if isinstance(row, dict) else row.text for row in rows] == ["a", 'b|"open\n', "c"]
    assert rows[1].reason.startswith("the row is not CSV: the quote opened in column data is never closed")
    with pytest.raises(InvalidRows, match=r"there is no id column; found id\|data$"):
        read(path, delimiter=",")


def test_wrong_quotes_are_found_whatever_separates_the_cells(tmp_path: Path) -> None:
    lines = ["id,data,x", 'a,"x,1', 'b,"y"z,2', 'c,"u,v",3']
    by_comma = values(written(tmp_path, "\n".join(lines).encode()))
    swapped = "\n".join(line.translate({ord(","): ";", ord(";"): ","}) for line in lines)
    by_semicolon = values(written(tmp_path, swapped.encode()))
    assert [type(row) for row in by_semicolon] == [type(row) for row in by_comma]
    assert [isinstance(row, Unreadable) for row in by_comma] == [True, True, False]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", 5, b","])
def test_a_delimiter_is_one_character(delimiter: Any) -> None:
    with pytest.raises(ValueError, match="delimiter must be one character"):
        UpdateOptions(delimiter=delimiter)


def test_a_tab_may_be_written_as_in_python() -> None:
    assert UpdateOptions(delimiter="\\t").delimiter == UpdateOptions(delimiter="\t").delimiter == "\t"
