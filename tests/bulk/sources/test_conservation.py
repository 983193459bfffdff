"""No reader loses a line: each is part of a row that is read, or of a rejected one that keeps its text."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.sources import SourceRow, Unreadable
from tests.support.reading import read, source, values

COLUMNS = ("id", "data", "namespace")
HEADER = ",".join(COLUMNS) + "\n"

any_text = st.lists(
    st.sampled_from(
        [*'a ,"\n\r', "\r\n", '""', ',"', '",', "a,b,c\n", 'a,"b",c\n', 'a,"b', '"c,d', "\u2028", "\udce9"]
    ),
    max_size=40,
).map("".join)
lines_of_rows = st.lists(
    st.sampled_from(
        [
            "r,x,n\n",
            'r,"x",n\n',
            'r,"two\nlines, and ""quotes""",n\n',
            'r,"5 inch screen,n\n',
            'r,12" screen,n\n',
            'r,x,27"\n',
            'r,"x"y,n\n',
            "r,x\n",
            'r,"two\nlines"\n',
            '",\n',
            "\n",
            'r,",n\r',
        ]
    ),
    max_size=12,
).map("".join)
well_formed = st.lists(
    st.tuples(*[st.text(st.sampled_from('a ,"\n\r'), max_size=8) for _ in COLUMNS]), max_size=8
).map(lambda rows: "".join(_written(row) for row in rows))


def _written(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def _records(text: str) -> list[list[str]]:
    found = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [cells for cells in found if len(cells) > 1 or "".join(cells).strip()]


def _of_cells(cells: list[str]) -> dict[str, str]:
    return {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell}


def _skips_and_shards_agree(path: Path, whole: list[SourceRow]) -> None:
    for skip in range(len(whole) + 1):
        assert read(path, skip) == whole[skip:]
        assert source(path).count_from(skip, 60) == len(whole) - skip
    for of in (1, 2, 3):
        parts = [value for part in range(of) for value in values(path, shard=(part, of))]
        assert sorted(map(str, parts)) == sorted(str(value) for value, _, _ in whole)


@given(any_text | lines_of_rows | well_formed)
def test_every_line_of_csv_is_in_a_row_or_in_a_rejected_one(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_bytes((HEADER + text).encode(errors="surrogateescape"))
        whole = read(path)
        lines = io.StringIO(HEADER + text, newline="").readlines()
        begins = [place for _, _, place in whole if isinstance(place, int)]
        assert "".join(lines[1 : min(begins, default=len(lines) + 1) - 1]).strip() == ""
        ends = [*begins, len(lines) + 1][1:]
        for (value, _, _), begin, end in zip(whole, begins, ends, strict=True):
            taken = "".join(lines[begin - 1 : end - 1])
            if isinstance(value, Unreadable):
                shown = taken.encode(errors="surrogateescape").decode(errors="backslashreplace")
                assert shown.startswith(value.text)
                assert shown[len(value.text) :].strip() == ""
            else:
                assert [_of_cells(cells) for cells in _records(taken)] == [value]
        _skips_and_shards_agree(path, whole)


@given(well_formed)
def test_every_row_of_well_formed_csv_is_read(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text(HEADER + text, newline="")
        assert [value for value, _, _ in read(path)] == [_of_cells(cells) for cells in _records(text)]


objects = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b}{", "}\n,{"])},
    optional={
        "metadata": st.dictionaries(
            st.text(max_size=3), st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3
        )
    },
)
object_lines = st.tuples(
    st.lists(objects, min_size=1, max_size=3), st.sampled_from(["", " ", ",", " , ", "\r", "\t"])
)
broken_lines = st.sampled_from(
    [
        b'{"id":"a"',
        b'{"id":"a"}{"id"',
        b"NaN",
        b"7",
        b'"x"',
        b'{"id":"\xff"}',
        b'{"id":"a","metadata":{"x":1e400}}',
    ]
)
blank_lines = st.sampled_from([b"", b" ", b"\r"])


def _line(part: bytes | tuple[list[dict[str, Any]], str]) -> bytes:
    return part if isinstance(part, bytes) else part[1].join(map(json.dumps, part[0])).encode()


@given(
    parts=st.lists(object_lines | broken_lines | blank_lines, max_size=8), end=st.sampled_from([b"\n", b"\r\n"])
)
def test_every_line_of_json_lines_is_read_exactly_or_rejected_with_its_text(
    parts: list[bytes | tuple[list[dict[str, Any]], str]], end: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_bytes(end.join(map(_line, parts)))
        whole = read(path)
        expected: list[tuple[object, int]] = []
        for number, part in enumerate(parts, 1):
            if not isinstance(part, bytes):
                expected += [(repr(value), number) for value in part[0]]
            elif part.strip():
                expected.append((part.decode(errors="backslashreplace"), number))
        assert [(v.text if isinstance(v, Unreadable) else repr(v), place) for v, _, place in whole] == expected
        _skips_and_shards_agree(path, whole)
