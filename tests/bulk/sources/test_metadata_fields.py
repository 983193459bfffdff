"""Metadata that is built from the columns of a table, or the keys of a row, in every source."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.bulk.operations.update import Update, UpdateOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames, InvalidJson, InvalidRows
from airflow_provider_upstash_vector.bulk.sources.columns import metadata_value
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import VectorUpdate
from tests.support.reading import values

ROWS: list[dict[str, Any]] = [
    {"id": "a", "data": "x", "genre": "crime", "year": 1995, "tags": ["x", "y"]},
    {"id": "b", "data": "y", "genre": "drama", "year": 2007, "tags": []},
]


def lines(rows: list[dict[str, Any]], folder: Path) -> object:
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "rows.jsonl"


def array(rows: list[dict[str, Any]], folder: Path) -> object:
    (folder / "rows.json").write_text(json.dumps(rows))
    return folder / "rows.json"


def table_file(rows: list[dict[str, Any]], folder: Path) -> object:
    parquet.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


def comma(rows: list[dict[str, Any]], folder: Path) -> object:
    pd.DataFrame(rows).to_csv(folder / "rows.csv")  # with an index that has no name
    return folder / "rows.csv"


def semicolon(rows: list[dict[str, Any]], folder: Path) -> object:
    pd.DataFrame(rows).to_csv(folder / "semicolon.csv", sep=";", index=False)
    return folder / "semicolon.csv"


SOURCES: dict[str, Callable[[list[dict[str, Any]], Path], object]] = {
    "list": lambda rows, _: rows,
    "iterator": lambda rows, _: iter(rows),
    "JSON Lines": lines,
    "JSON array": array,
    "CSV": comma,
    "CSV with semicolons": semicolon,
    "Parquet": table_file,
    "Arrow": lambda rows, _: pa.Table.from_pylist(rows),
    "Arrow stream": lambda rows, _: pa.Table.from_pylist(rows).to_reader(),
    "pandas": lambda rows, _: pd.DataFrame(rows),
    "pandas index": lambda rows, _: pd.DataFrame(rows).set_index("genre"),
    "polars": lambda rows, _: pl.DataFrame(rows),
}
COLUMNS = {"CSV", "CSV with semicolons", "Parquet", "Arrow", "Arrow stream", "pandas", "pandas index", "polars"}


def bodies(rows: object, **options: Any) -> list[Any]:
    mode = options.pop("metadata_update_mode", None)
    encoder = Update(UpdateOptions(**options).names, metadata_update_mode=mode)
    names = UpdateOptions(**options).names
    found = values(rows, **{name: getattr(names, name) for name in FieldNames.__dataclass_fields__})
    return [json.loads(encoder.encode(row).fragment) for row in found]


def metadata(rows: object, **options: Any) -> list[Any]:
    return [body.get("metadata") for body in bodies(rows, **options)]


@pytest.mark.parametrize("kind", [*SOURCES])
@pytest.mark.parametrize("fields", [["genre", "year"], ("genre", "year", "tags"), "*"])
def test_metadata_is_built_from_columns(tmp_path: Path, kind: str, fields: Any) -> None:
    named = ["genre", "year", "tags"] if fields == "*" else fields
    sent = bodies(SOURCES[kind](ROWS, tmp_path), metadata_fields=fields)
    assert sent == [
        {"id": row["id"], "data": row["data"], "metadata": {name: row[name] for name in named}} for row in ROWS
    ]


@pytest.mark.parametrize("kind", [*SOURCES])
def test_without_it_a_column_is_ignored_and_a_key_is_an_error(tmp_path: Path, kind: str) -> None:
    rows = SOURCES[kind](ROWS, tmp_path)
    if kind in COLUMNS:
        assert metadata(rows) == [None, None]
        return
    with pytest.raises(InvalidRequest, match="genre: there is no such field"):
        bodies(rows)


@pytest.mark.parametrize("kind", sorted(COLUMNS))
def test_a_column_that_does_not_exist_is_an_error_with_those_there_are(tmp_path: Path, kind: str) -> None:
    message = r"there is no column 'gener', which metadata_fields names; found .*genre.*"
    with pytest.raises(InvalidRows, match=message):
        bodies(SOURCES[kind](ROWS, tmp_path), metadata_fields=["year", "gener"])


@pytest.mark.parametrize("kind", [*SOURCES])
def test_a_null_is_null_and_refused_under_patch_but_what_is_missing_is_left_out(tmp_path: Path, kind: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "genre": "crime", "year": 1995},
        {"id": "b", "genre": None, "year": 1},
    ]
    absent = kind.startswith("CSV")  # an empty cell
    expected = [{"genre": "crime", "year": 1995}, {"year": 1} if absent else {"genre": None, "year": 1}]
    assert metadata(SOURCES[kind](rows, tmp_path), metadata_fields="*") == expected
    if absent:
        found = metadata(SOURCES[kind](rows, tmp_path), metadata_fields="*", metadata_update_mode="PATCH")
        assert found == expected
        return
    with pytest.raises(InvalidRequest, match="genre: is null, with which PATCH would delete it"):
        metadata(SOURCES[kind](rows, tmp_path), metadata_fields="*", metadata_update_mode="PATCH")


def test_a_row_s_own_mode_decides_about_null() -> None:
    row = {"id": "a", "genre": None, "metadata_update_mode": "PATCH"}
    with pytest.raises(InvalidRequest, match="genre: is null"):
        metadata([row], metadata_fields=["genre"])
    over = {**row, "metadata_update_mode": "OVERWRITE"}
    assert metadata([over], metadata_fields=["genre"], metadata_update_mode="PATCH") == [{"genre": None}]


def test_keys_that_are_missing_are_left_out_and_others_are_not_unknown() -> None:
    rows = [{"id": "a", "data": "x", "other": 1}, {"id": "b", "genre": "crime", "other": 2}]
    assert metadata(rows, metadata_fields=["genre"]) == [None, {"genre": "crime"}]
    assert metadata(rows, metadata_fields="*") == [{"other": 1}, {"genre": "crime", "other": 2}]


def test_columns_are_added_to_the_metadata_of_a_row() -> None:
    row = {"id": "a", "metadata": {"x": 1}, "genre": "crime", "failure": {"row": 0}, "vector": None}
    assert metadata([row], metadata_fields="*") == [{"x": 1, "genre": "crime"}]
    with pytest.raises(InvalidRequest, match="x: is given twice, by itself and in the metadata"):
        bodies([{**row, "x": 2}], metadata_fields="*")
    with pytest.raises(InvalidRequest, match="metadata: must be a JSON object"):
        bodies([{**row, "metadata": [1]}], metadata_fields="*")
    assert metadata([VectorUpdate(id="a", metadata={"x": 1})], metadata_fields="*") == [{"x": 1}]


def test_a_field_may_have_another_name_and_its_own_be_metadata() -> None:
    row = {"pk": "a", "text": "x", "data": "raw", "sparseVector": 1}
    sent = bodies([row], id_field="pk", data_field="text", metadata_fields=["data", "sparseVector"])
    assert sent == [{"id": "a", "data": "x", "metadata": {"data": "raw", "sparseVector": 1}}]


def test_a_name_like_that_of_a_field_is_metadata_only_if_it_cannot_be_the_field() -> None:
    table = {"id": ["a"], "Data": ["x"]}
    with pytest.raises(InvalidRows, match="column 'Data' is not used: rename it, or set data_field"):
        bodies(pa.table(table), metadata_fields="*")
    assert metadata(pa.table(table), metadata_fields=["Data"]) == [{"Data": "x"}]
    assert metadata(pa.table({**table, "data": ["y"]}), metadata_fields="*") == [{"Data": "x"}]


def test_two_columns_of_one_name_are_an_error() -> None:
    table = pa.table([["a"], ["x"], ["y"]], names=["id", "genre", "genre"])
    with pytest.raises(InvalidRows, match="two columns hold the genre"):
        bodies(table, metadata_fields="*")


@pytest.mark.parametrize("source", ["list", "JSON Lines", "JSON array", "CSV"])
def test_integers_are_exact(tmp_path: Path, source: str) -> None:
    rows = [{"id": "a", "data": "x" * 3_000, "n": 2**63 + 1, "m": [2**64 - 1]}]
    assert metadata(SOURCES[source](rows, tmp_path), metadata_fields="*") == [{"n": 2**63 + 1, "m": [2**64 - 1]}]
    with pytest.raises(InvalidRequest, match="beyond 64 bits"):
        bodies(SOURCES[source]([{**rows[0], "n": 2**70 + 1}], tmp_path), metadata_fields="*")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *((text, text) for text in ["007", "1e5", "+1", " 1", "1_000", "0x10", ".5", "1.", "None", "null", "nan"]),
        *(
            (text, text)
            for text in ["NaN", "inf", "[REC]", "[1", "{x}", "'a'", '"a"', "(1, 2)", "2026-01-01", "٣"]
        ),
        ("0", 0),
        ("-12", -12),
        ("7.50", 7.5),
        ("1e-05", 1e-05),
        ("12345678901234567890123", 12345678901234567890123),
        ("True", True),
        ("false", False),
        ("['a', None]", ["a", None]),
        ('{"a": [1]}', {"a": [1]}),
    ],
)
def test_a_cell_of_csv_is_text_unless_it_is_plainly_another_value(cell: str, value: object) -> None:
    found = metadata_value(cell)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("genre", r"metadata_fields must be a list of names, or \"\*\" for all, got 'genre'; write \['genre'\]"),
        ("", "must be a list of names"),
        ([], "must be a list of names"),
        (5, "must be a list of names"),
        ([5], "field names must be non-empty text"),
        ([""], "field names must be non-empty text"),
        (["id"], "two fields have the same name among"),
        (["a", "a"], "two fields have the same name among"),
        (["failure"], "no field can be named 'failure'"),
    ],
)
def test_invalid_names(fields: Any, message: str) -> None:
    with pytest.raises(InvalidRows, match=message):
        UpdateOptions(metadata_fields=fields)


def test_the_fields_are_a_part_of_what_is_sent() -> None:
    fingerprints = [UpdateOptions(metadata_fields=fields).fingerprint() for fields in (None, "*", ["a"], ["b"])]
    fingerprints.append(UpdateOptions(delimiter=";").fingerprint())
    assert len({*fingerprints}) == len(fingerprints)
    assert (
        UpdateOptions(metadata_fields=["a"]).fingerprint() == UpdateOptions(metadata_fields=("a",)).fingerprint()
    )


def test_cells_of_vectors_and_metadata_may_be_python_literals(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": ["a"],
            "vector": [[0.5, 1.0]],
            "sparse_vector": [{"indices": [1], "values": [0.5]}],
            "metadata": [{"it's": None, "ok": True, "n": 2**64 - 1}],
        }
    )
    frame.to_csv(tmp_path / "rows.csv")
    (sent,) = bodies(tmp_path / "rows.csv")
    assert sent == {
        "id": "a",
        "vector": [0.5, 1.0],
        "sparseVector": {"indices": [1], "values": [0.5]},
        "metadata": {"it's": None, "ok": True, "n": 2**64 - 1},
    }


@pytest.mark.parametrize(
    "cell", ["[0.1 0.2]", "__import__('os')", "[nan]", "[Timestamp('2026')]", "[" * 5_000, "x"]
)
def test_a_cell_that_is_neither_json_nor_a_literal_is_kept_with_its_row(tmp_path: Path, cell: str) -> None:
    pd.DataFrame({"id": ["a"], "vector": [cell]}).to_csv(tmp_path / "rows.csv")
    (row,) = values(tmp_path / "rows.csv")
    assert row == {"id": "a", "vector": cell}
    assert isinstance(row["vector"], InvalidJson)
    assert row["vector"].reason.startswith("is neither JSON nor a Python literal")
