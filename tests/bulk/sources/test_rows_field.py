"""Rows in a list within mappings and JSON objects, named by ``rows_field``."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.sending.row_size import row_size
from airflow_provider_upstash_vector.bulk.sources import (
    PENDING,
    AsyncSource,
    FieldNames,
    InvalidRows,
    RejectedRow,
    SourceBroken,
    Unreadable,
    json_array,
    json_nested,
    open_source,
)
from airflow_provider_upstash_vector.bulk.sources.base import SourceRow
from airflow_provider_upstash_vector.bulk.sources.field_paths import FieldPath
from tests.bulk.sources.test_json_array import arrays, parts, texts, written
from tests.support.reading import ids, read, source, values

ROWS = [{"id": f"v{n}", "metadata": {"n": n}, "data": '{[,:"]}'} for n in range(6)]
ONE = {"before": [{"chunks": [1]}], "result": {"chunks": ROWS, "after": {"chunks": []}}, "after": [[1], {}]}
SEVERAL = [{"result": {"chunks": ROWS[:2]}}, {"result": {"chunks": []}}, {"result": {"n": 1, "chunks": ROWS[2:]}}]
KINDS: dict[str, Callable[[Path], object]] = {
    "mapping": lambda _: ONE,
    "list": lambda _: SEVERAL,
    "iterator": lambda _: iter(SEVERAL),
    "JSON": lambda folder: written(folder, json.dumps(ONE, indent=2)),
    "JSON on one line": lambda folder: written(folder, json.dumps(ONE)),
    "JSON objects": lambda folder: written(
        folder, "\ufeff" + "\n".join(json.dumps(one, indent=1) for one in SEVERAL)
    ),
    "JSON array": lambda folder: written(folder, json.dumps(SEVERAL, indent=1)),
    "JSON Lines": lambda folder: written(folder, "\n".join(map(json.dumps, SEVERAL)), "rows.jsonl"),
    "compressed": lambda folder: written(
        folder, gzip.compress(json.dumps(ONE, indent=2).encode()), "rows.json.gz"
    ),
}
OPTIONS: dict[str, Any] = {"rows_field": "result.chunks"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_are_skipped_and_sharded(kind: str, tmp_path: Path) -> None:
    def rows() -> object:
        return KINDS[kind](tmp_path)

    assert values(rows(), **OPTIONS) == ROWS
    for skip in range(1, 7):
        assert ids(rows(), skip, **OPTIONS) == [f"v{n}" for n in range(skip, 6)]
    shards = [ids(rows(), shard=(n, 2), **OPTIONS) for n in range(2)]
    assert sorted(id for shard in shards for id in shard) == [row["id"] for row in ROWS]
    counted = source(rows(), **OPTIONS).count_from(1, 10.0)
    assert counted == (None if kind in {"list", "iterator"} else 5)


def test_rows_in_an_async_iterable() -> None:
    async def parents() -> AsyncIterator[object]:
        for one in SEVERAL:
            yield one

    async def collected() -> list[SourceRow]:
        found = cast("AsyncSource", open_source(parents(), FieldNames(), rows_field="result.chunks"))
        assert found.fraction() is None
        return [row async for row in found.rows(1) if row is not PENDING]

    assert [value for value, _, _ in asyncio.run(collected())] == ROWS[1:]


def test_places_name_the_parent_and_the_position(tmp_path: Path) -> None:
    def places(kind: str) -> list[Any]:
        return [place for _, _, place in read(KINDS[kind](tmp_path), **OPTIONS)][:3]

    assert places("JSON") == [f"result.chunks[{n}]" for n in range(3)]
    assert places("JSON objects") == ["result.chunks[0]", "result.chunks[1]", "object 3, result.chunks[0]"]
    assert places("JSON Lines") == [f"line {n}, result.chunks[{m}]" for n, m in ((1, 0), (1, 1), (3, 0))]
    assert places("list") == [None] * 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.dictionaries(texts, parts, max_size=3), arrays), min_size=1, max_size=3),
    st.lists(st.sampled_from(["a", "b c", 0, 2]), max_size=3),
    st.integers(1, 40),
    st.sampled_from([None, 2]),
)
def test_json_has_the_rows_that_a_parser_finds(
    monkeypatch: pytest.MonkeyPatch, objects: list[Any], steps: list[Any], piece: int, indent: int | None
) -> None:
    monkeypatch.setattr(json_array, "_PIECE_BYTES", piece)
    steps = ["chunks", *steps]
    content = ""
    for others, rows in objects:
        value: Any = rows
        for step in reversed(steps[1:]):
            value = [others] * step + [value, others] if isinstance(step, int) else {**others, step: value}
        content += json.dumps({**others, "chunks": value, "end": [others]}, indent=indent) + "\n"
    file = io.BufferedReader(io.BytesIO(content.encode()), 16)
    path = FieldPath("", tuple(steps))
    found = [element for element in json_nested.elements(file, path) if element is not PENDING]
    assert [json.loads(text) for _, _, text in found] == [row for _, rows in objects for row in rows]


@pytest.mark.parametrize("wide", [False, True])
def test_json_takes_no_memory(tmp_path: Path, wide: bool) -> None:
    rows = [{"id": str(n), "data": "x" * 2_000} for n in range(4_000)]
    content = {"ignored": rows, "chunks": rows[:10]} if wide else {"chunks": rows}
    path = written(tmp_path, json.dumps(content))
    del rows, content
    tracemalloc.start()
    try:
        rows_read = source(path, rows_field="chunks").rows(0)
        assert sum(row is not PENDING for row in rows_read) == (10 if wide else 4_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000  # of 8 MB
    finally:
        tracemalloc.stop()


def test_integers_are_exact(tmp_path: Path) -> None:
    rows = [{"id": 2**70, "metadata": {"n": 2**70}, "vector": [0.5] * 500}]
    for content in (json.dumps({"chunks": rows}), json.dumps({"chunks": rows}, indent=1)):
        for name in ("rows.json", "rows.jsonl")[: 1 if "\n" in content else 2]:
            assert values(written(tmp_path, content, name), rows_field="chunks") == rows


def test_a_parent_without_rows_is_rejected_alone(tmp_path: Path) -> None:
    class Raising(dict[str, Any]):
        def get(self, *_: object) -> Any:
            raise RuntimeError

    bad = [{"chunks": None}, {"other": []}, {}, {"chunks": "abc"}, {"chunks": {"a": 1}}, 5, Raising(chunks=[])]
    found = values([{"chunks": ROWS[:1]}, *bad, {"chunks": ROWS[1:]}], rows_field="chunks")
    assert [*found[:1], *found[8:]] == ROWS
    rejected = [row for row in found if isinstance(row, RejectedRow)]
    assert [row.reason for row in rejected] == [
        "'chunks' must be a list of rows, got NoneType None",
        "there is no 'chunks', only other",
        "there is no 'chunks', only an empty object",
        "'chunks' must be a list of rows, got str 'abc'",
        "'chunks' must be a list of rows, got dict {'a': 1}",
        "cannot be read: it raised RuntimeError",
    ]
    assert rejected[1] == {"other": []}
    lines = written(tmp_path, '{"chunks": [{"id": "a"}]}\nbad\n{"chunks": [{"id": "b"}]}', "rows.jsonl")
    assert [type(row) for row in values(lines, rows_field="chunks")] == [dict, Unreadable, dict]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{\n"other": [1]}', "object 1 has no list 'chunks' for rows_field"),
        ('{\n"chunks": {"a": 1}}', "object 1 has no list 'chunks'"),
        ('{\n"chunks": null, "other": []}', "object 1 has no list 'chunks'"),
        ('{\n"chunks": []}\n{\n"other": []}', "object 2 has no list 'chunks'"),
        ('{\n"chunks": []} x', "something other than an object follows after 1"),
        ('{\n"chunks": []} []', "something other than an object follows after 1"),
        ('{\n"chunks": []} ]', "something other than an object follows after 1"),
        ("{\nchunks: []}", "object 1 is not JSON before b'"),
    ],
)
def test_json_without_rows_ends_the_run(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(InvalidRows) as raised:
        values(written(tmp_path, content), rows_field="chunks")
    assert reason in str(raised.value)


def test_json_that_ends_early_has_the_rows_before(tmp_path: Path) -> None:
    rows = source(written(tmp_path, '{\n"chunks": [{"id": "a"}, {"id"'), rows_field="chunks").rows(0)
    assert cast("SourceRow", next(rows))[0] == {"id": "a"}
    with pytest.raises(SourceBroken, match="after 1 row: it ends within the array, in element 2"):
        next(rows)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"other": 1}, "rows cannot be read with rows_field: there is no 'chunks', only other"),
        ({"chunks": 5}, "'chunks' must be a list of rows, got int 5"),
        (pd.DataFrame({"id": []}), "a table has its rows already"),
        ("rows.csv", "rows_field is for JSON, and not for csv"),
        ("rows.parquet", "rows_field is for JSON, and not for parquet"),
    ],
)
def test_other_rows_are_refused(
    rows: object, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("id,data\na,b\n")
    (tmp_path / "rows.parquet").write_bytes(b"")
    with pytest.raises(InvalidRows, match="rows_field") as raised:
        source(rows, rows_field="chunks")
    assert reason in str(raised.value)


def test_a_mapping_without_the_option_names_it() -> None:
    with pytest.raises(InvalidRows, match=r"got dict .*; if it has a list of rows, set rows_field to its name"):
        source({"chunks": []})


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_lines_of_a_failures_file_are_rows_again(tmp_path: Path, name: str) -> None:
    failed = {"id": "a", "chunks": ["of its own"], "failure": {"row": 3, "field": "vector"}}
    parent = {"chunks": ROWS[:2], "failure": {"row": 3, "field": "rows_field"}}  # corrected
    path = written(tmp_path, "\n".join(map(json.dumps, [failed, parent])), name)
    found = values(path, rows_field="chunks")
    assert found == [failed, *({**row, "failure": {"field": "rows_field"}} for row in ROWS[:2])]
    # so that the first of them does not get the id of the first row of an earlier parent
    counted = values(path, rows_field="chunks", id_template="{index}", id="key")
    assert [getattr(row, "field", None) for row in counted] == ["id_template"] * 3


def test_a_rejected_parent_takes_as_much_memory_as_it_is_large() -> None:
    (rejected,) = values([{"other": "x" * 10_000}], rows_field="chunks")
    assert isinstance(rejected, RejectedRow)
    assert row_size(rejected) > 10_000
