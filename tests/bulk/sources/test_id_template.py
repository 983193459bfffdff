"""Ids that ``id_template`` makes from other fields of the rows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.sources import (
    PENDING,
    AsyncSource,
    InvalidRows,
    RejectedRow,
    Unreadable,
    open_source,
)
from airflow_provider_upstash_vector.bulk.sources.id_template import IdTemplate
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import Vector
from tests.bulk.sources.test_metadata_fields import COLUMNS, SOURCES
from tests.support.reading import ids, source, values

INDEXED = "{metadata.file}#{index}"


def chunk(file: object, **others: Any) -> dict[str, Any]:
    return {"data": "x", "metadata": {"file": file}, **others}


def identified(rows: object, template: str = INDEXED, **options: Any) -> list[Any]:
    """Return the id of each row, or the field and the reason of its rejection."""
    return [
        (row.field, row.reason) if isinstance(row, RejectedRow) else row["id"]
        for row in values(rows, id_template=template, **options)
    ]


@pytest.mark.parametrize(
    ("template", "row", "id"),
    [
        ("{a}", {"a": "x"}, "x"),
        ("{a.b}/{c[1].d}", {"a": {"b": 1}, "c": [0, {"d": "y"}]}, "1/y"),
        ("{{{a}}}", {"a": "{a}"}, "{{a}}"),
        ("{{a}}{a}}}{{", {"a": "{index} {{ 1 / 0 }} %s"}, "{a}{index} {{ 1 / 0 }} %s}{"),
        ("{a.b}", {"a.b": "literal", "a": {"b": "path"}}, "literal"),
        ("{a}", {"a": Decimal("7.0")}, "7"),
        ("{a}", {"a": UUID(int=5)}, str(UUID(int=5))),
        ("{a.0}", {"a": {"0": "key"}}, "key"),
        ("{é b}{a-b}{__class__}", {"é b": "1", "a-b": "2", "__class__": "3"}, "123"),
        ("{index.x}", {"index": {"x": "a field"}}, "a field"),
    ],
)
def test_values_are_inserted_once(template: str, row: dict[str, Any], id: str) -> None:
    assert identified([row], template) == [id]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "the row has no 'a.b'"),
        ({"a": None}, "the row has no 'a.b'"),
        ({"a": {"b": None}}, "the row has no 'a.b'"),
        ({"a": "text"}, "the row has no 'a.b'"),
        ({"a": [{"b": 1}]}, "the row has no 'a.b'"),
        ({"a": {"b": [1]}}, "'a.b' must be text, a whole number or a UUID, got list [1]"),
        ({"a": {"b": {}}}, "'a.b' must be text, a whole number or a UUID, got dict {}"),
        ({"a": {"b": True}}, "'a.b' must be text, a whole number or a UUID, got bool True"),
        ({"a": {"b": 1.5}}, "'a.b' must be text, a whole number or a UUID, got float 1.5"),
        ({"a": {"b": "\ud800"}}, "'a.b' unpaired surrogate at character 0"),
    ],
)
def test_a_value_that_is_missing_or_not_scalar_rejects_the_row(row: dict[str, Any], reason: str) -> None:
    assert identified([row, {"a": {"b": 1}}], "{a.b}") == [("id_template", reason), "1"]
    (rejected, _) = values([row, {}], id_template="{a.b}")
    operation = UpsertOptions(id_template="{a.b}").operation(None)
    with pytest.raises(InvalidRequest) as raised:
        operation.encode(rejected)
    assert (raised.value.field, raised.value.reason) == ("id_template", reason)


def test_objects_have_no_attributes() -> None:
    assert identified([{"a": "x"}], "{a.__class__}") == [("id_template", "the row has no 'a.__class__'")]
    assert identified([{"a": "x"}], "{a[0]}") == [("id_template", "the row has no 'a[0]'")]


@pytest.mark.parametrize(
    "template",
    [
        "",
        "a",
        "{{a}}",
        "{",
        "}",
        "a{b",
        "{}",
        "{a..b}",
        "{.a}",
        "{a.}",
        "{a[}",
        "{a[x]}",
        "{a[-1]}",
        "{[0]}",
        "{ a }",
    ],
)
def test_a_template_that_is_not_one_is_refused(template: str) -> None:
    with pytest.raises(InvalidRows, match="id_template"):
        IdTemplate(template)


@pytest.mark.parametrize("template", ["{index:04d}", "{index!r}", "{a {b}}"])
def test_formats_are_refused(template: str) -> None:
    with pytest.raises(InvalidRows, match="id_template"):
        UpsertOptions(id_template=template)


def test_the_index_counts_adjacent_rows_with_the_same_values() -> None:
    rows = [*map(chunk, "aaabba"), chunk([]), *map(chunk, "a1"), chunk(1)]
    expected = ["a#0", "a#1", "a#2", "b#0", "b#1", "a#0", ..., "a#1", "1#0", "1#1"]
    found = identified(rows)
    assert [... if isinstance(id, tuple) else id for id in found] == expected
    assert identified(rows, "{index}-{metadata.file}-{index}")[1] == "1-a-1"
    assert identified(rows[:3], "row {index}") == ["row 0", "row 1", "row 2"]
    for skip in range(len(rows)):  # a run that resumes counts from the first row
        assert [value for _, value in zip(rows[skip:], identified(rows, skip=skip), strict=True)] == found[skip:]


def test_the_index_is_the_same_after_resuming_in_every_source(tmp_path: Path) -> None:
    rows = [{"id": None, "data": "x", "file": file} for file in "aabbb"]
    for name, kind in SOURCES.items():
        if name == "pandas index":
            continue
        found = [identified(kind(rows, tmp_path), "{file}#{index}", skip=skip) for skip in (0, 3)]
        assert found == [["a#0", "a#1", "b#0", "b#1", "b#2"], ["b#1", "b#2"]], name
        assert identified(kind(rows, tmp_path), "{file}", skip=4) == ["b"], name


def test_an_async_iterable() -> None:
    async def rows() -> AsyncIterator[object]:
        for file in "aab":
            yield chunk(file)

    async def collected() -> list[Any]:
        names = UpsertOptions(id_template=INDEXED).names
        found = cast("AsyncSource", open_source(rows(), names))
        return [row[0] for row in [row async for row in found.rows(1)] if row is not PENDING]

    assert [row["id"] for row in asyncio.run(collected())] == ["a#1", "b#0"]


def test_an_id_of_its_own_is_rejected_unless_the_template_uses_it() -> None:
    rows = [chunk("a", id="x"), chunk("a", id=None), chunk("a")]
    own = ("id_field", "the row has an id of its own, str 'x': set id_field to another name, or no id_template")
    assert identified(rows) == [own, "a#0", "a#1"]
    assert identified(rows[:1], "{id}#{index}") == ["x#0"]
    (row,) = values(rows[:1], id_template="{id}#{index}", id="pk")
    assert (row["id"], row["pk"]) == ("x", "x#0")
    nested: dict[str, Any] = {"id": "metadata.id", "id_template": "{metadata.file}"}
    found = values([chunk("a"), {"metadata": {"file": "b", "id": "x"}}], **nested)
    assert found[0]["metadata.id"] == "a"
    assert isinstance(found[1], RejectedRow)


def test_models_and_what_is_not_a_row_stay_as_they_are() -> None:
    others = [Vector(id="x", vector=[1]), 5, Unreadable("x", "y")]
    assert values(others, id_template=INDEXED) == others


def test_a_mapping_that_raises_is_rejected_alone() -> None:
    class Raising(dict[str, Any]):
        def __getitem__(self, _: object) -> Any:
            raise RuntimeError

    rows = [chunk("a"), Raising(metadata={}), chunk("a")]
    assert identified(rows) == ["a#0", ("row", "cannot be read: it raised RuntimeError"), "a#1"]


def test_lines_of_a_failures_file_keep_their_ids() -> None:
    failure = {"row": 3, "field": "vector"}
    lines = [
        chunk("a", id="a#7", failure=failure),
        chunk("a", failure={**failure, "field": "id_template"}),
        chunk("a", id="own", failure={**failure, "field": "id_field"}),
        {"raw": "{", "failure": {"changed": ["row"]}},
    ]
    unknown = ("id_template", "the index of a line of a failures file is unknown: add the row's id")
    found = identified(lines)
    assert [found[0], found[1], found[2][0], found[3]] == ["a#7", unknown, "id_field", unknown]
    assert identified(lines[:2], "{metadata.file}") == ["a#7", "a"]
    # the id of the second is only a part of its own
    partial = [{**lines[0], "id": "x-a"}, {**lines[1], "id": "x"}]
    assert identified(partial, "{id}-{metadata.file}") == ["x-a", "x-a"]
    ((field, reason),) = identified(partial[1:], "{id}#{index}")
    assert field == "id_template"
    assert "write its whole id, and run it without id_template" in reason


def test_a_shard_cannot_count() -> None:
    with pytest.raises(ValueError, match=r"id_template cannot count with \{index\} in a shard"):
        UpsertOptions(id_template=INDEXED, shard=(0, 2))
    options = UpsertOptions(id_template="{file}", shard=(1, 2))
    assert ids([{"file": n} for n in range(4)], shard=(1, 2), id_template=options.id_template) == ["2", "3"]


def test_columns_of_tables(tmp_path: Path) -> None:
    rows = [{"data": "x", "file": file, "page": page} for file, page in (("007", 1), ("1e5", 2))]
    for name in COLUMNS - {"pandas index"}:
        for options in ({}, {"metadata_fields": ["page"]}):
            table = SOURCES[name](rows, tmp_path)
            assert identified(table, "{file}-{page}", **options) == ["007-1", "1e5-2"], name
        with pytest.raises(InvalidRows, match=r"there is no column 'fil', which id_template names; found .*file"):
            identified(SOURCES[name](rows, tmp_path), "{fil}")
        assert len(values(SOURCES[name](rows, tmp_path), id_template="{file}", metadata_fields="*")[0]) == 4


def test_the_total_is_that_of_the_source() -> None:
    rows = source([chunk("a")] * 5, id_template=INDEXED)
    assert (rows.total, rows.count_from(2, 1.0), rows.fraction()) == (5, 3, 0.0)


def test_other_fields_of_such_rows_are_ignored() -> None:
    row = {"file": "a", "vector": [1], "score": 0.5}
    for options in (UpsertOptions(id_template="{file}"), DeleteOptions(id_template="{file}")):
        (value,) = values([row], id_template="{file}")
        encoded = options.operation(None).encode(value)
        assert encoded.id == "a"
        assert b"score" not in json.dumps(encoded.fragment.decode()).encode()
