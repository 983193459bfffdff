"""Fields at some depth of the rows, in every source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.field_paths import MISSING, FieldPath
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from tests.bulk.sources.test_metadata_fields import COLUMNS, SOURCES, bodies

ROWS = [
    {
        "key": {"id": "a"},
        "data": "x",
        "out": {"rows": [{"v": [0.5, 1.5]}], "n": 1, "tags": ["p", "q"]},
        "other": 1,
    },
    {"key": {"id": "b"}, "data": "y", "out": {"rows": [{"v": [2.5, 3.5]}], "n": 2, "tags": ["r"]}, "other": 2},
]
OPTIONS: dict[str, Any] = {"id_field": "key.id", "vector_field": "out.rows[0].v"}
PARTS = ["out.n", "out.tags[1]", "other"]


@pytest.mark.parametrize("kind", [name for name in SOURCES if name != "pandas index"])
def test_values_at_any_depth(kind: str, tmp_path: Path) -> None:
    rows = json.loads(json.dumps(ROWS))
    if kind.startswith("CSV"):
        rows = [
            {name: json.dumps(part) if isinstance(part, dict) else part for name, part in row.items()}
            for row in rows
        ]
    found = bodies(SOURCES[kind](rows, tmp_path), **OPTIONS, metadata_fields=PARTS)
    assert found == [
        {"id": "a", "vector": [0.5, 1.5], "data": "x", "metadata": {"n": 1, "tags": "q", "other": 1}},
        {"id": "b", "vector": [2.5, 3.5], "data": "y", "metadata": {"n": 2, "other": 2}},
    ]
    assert [body["id"] for body in bodies(SOURCES[kind](rows, tmp_path), **OPTIONS)] == ["a", "b"]
    everything = bodies(SOURCES[kind](rows, tmp_path), **OPTIONS, metadata_fields="*")
    assert [body["metadata"] for body in everything] == [{"other": 1}, {"other": 2}]


@pytest.mark.parametrize("kind", [name for name in SOURCES if name != "pandas index"])
def test_a_field_with_the_name_wins(kind: str, tmp_path: Path) -> None:
    rows = [{"a.id": "x", "a": '{"id": "y"}', "b.c[0]": "z"}]
    options = {"id_field": "a.id", "metadata_fields": ["b.c[0]"]}
    assert bodies(SOURCES[kind](rows, tmp_path), **options) == [{"id": "x", "metadata": {"b.c[0]": "z"}}]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [[1, 2], {"c d": None}]}),
        ("a.b[0][1]", 2),
        ("a.b[1].c d", None),
        ("a.b[2]", MISSING),
        ("a.b.0", MISSING),
        ("a[0]", MISSING),
        ("text[0]", MISSING),
        ("text.upper", MISSING),
        ("array[1].x", 5),
        ("array[2]", MISSING),
    ],
)
def test_look_ups(path: str, value: object) -> None:
    row = {"a": {"b": [[1, 2], {"c d": None}]}, "text": "abc", "array": np.array([0, {"x": 5}], dtype=object)}
    found = FieldPath.of(path)
    assert found is not None
    assert found.value(row) == value


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "[0]", "a]b", "{a}", "a[٣]", None]
)
def test_other_names_are_no_paths(text: object) -> None:
    assert FieldPath.of(text) is None


def test_names_with_brackets_are_columns_as_before() -> None:
    assert bodies([{"id": "a", "price [EUR]": 5}], metadata_fields=["price [EUR]"]) == [
        {"id": "a", "metadata": {"price [EUR]": 5}}
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"key": {"id": None}, "data": "x"}, "id: is required"),
        ({"key": None, "data": "x"}, "id: is required"),
        ({"key": {"id": [1]}, "data": "x"}, "id: must be text"),
        ({"key": {"id": "a"}, "out": None}, "nothing to update"),
        ({"key": {"id": "a"}, "out": {"rows": [{"v": "x"}]}}, "vector: "),
        ({"key": {"id": "a"}, "n": 1, "out": {"n": 2}}, "n: is given twice, once as 'out.n'"),
        ({"key": {"id": "a"}, "metadata": {"n": 1}, "out": {"n": 2}}, "n: is given twice"),
    ],
)
def test_a_row_is_rejected_for_what_is_missing(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason.replace("[", r"\[")):
        bodies([row], **OPTIONS, metadata_fields=["out.n", "n"])


def test_both_names_of_a_field_are_rejected() -> None:
    sparse = {"indices": [1], "values": [1]}
    row = {"id": "a", "sparseVector": sparse, "out": {"sparse": sparse}}
    with pytest.raises(InvalidRequest, match=r"sparse_vector: is given twice, once as 'out.sparse'"):
        bodies([row], sparse_vector_field="out.sparse")


def test_columns_that_hold_a_path() -> None:
    with pytest.raises(InvalidRows, match="there is no id column; found a"):
        bodies(pa.table({"a": [1]}), **OPTIONS)
    with pytest.raises(InvalidRows, match=r"there is no column 'c.d', which metadata_fields names; found key"):
        bodies(pa.table({"key": [{"id": "a"}]}), id_field="key.id", metadata_fields=["c.d"])
    with pytest.raises(InvalidRequest, match="out: is neither JSON nor a Python literal"):
        bodies(pd.DataFrame({"key": [{"id": "a"}], "out": ["{"]}), **OPTIONS)
    big = pa.table({"key": ['{"id": 18446744073709551617}'], "data": ["x"]})
    assert bodies(big, **OPTIONS)[0]["id"] == str(2**64 + 1)


def test_a_value_that_cannot_be_converted_names_its_column() -> None:
    broken = pa.StringArray.from_buffers(
        1, pa.py_buffer(np.array([0, 1], "int32").tobytes()), pa.py_buffer(b"\xff")
    )
    table = pa.table({"key": [{"id": "a"}], "out": broken, "data": ["x"]})
    with pytest.raises(InvalidRequest, match="out: ") as raised:
        bodies(table, **OPTIONS)
    assert raised.value.field == "out"


def test_integers_beyond_64_bits_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"key": {{"id": {2**70}}}, "data": "x", "out": {{"rows": [{{"v": {[0.25] * 600}}}]}}}}')
    assert bodies(str(path), **OPTIONS)[0]["id"] == str(2**70)


def test_ids_of_deletes() -> None:
    operation = DeleteOptions(id_field="key.id").operation(None)
    assert [operation.encode(row).id for row in ROWS] == ["a", "b"]


@pytest.mark.parametrize("options", [{"id_field": "failure.id"}, {"metadata_fields": ["failure[0]"]}])
def test_nothing_is_within_a_failure(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRows, match="'failure'"):
        UpdateOptions(**options)


def test_the_tables_are_all_here() -> None:
    assert {"Parquet", "Arrow", "pandas", "polars", "CSV"} <= COLUMNS
