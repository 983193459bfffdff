"""Cells of every type at any place of every source: one odd cell is one rejected row, with its place."""

from __future__ import annotations

import datetime as dt
import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from tests.support.metadata_values import ACCEPTED, REFUSED
from tests.support.reading import values

# Arrays of one good and one odd value; what the reason says of the latter.
ARRAYS: dict[str, tuple[pa.Array, str]] = {
    "text": (pa.array([b"a", b"caf\xe9"]).view(pa.string()), r"b'caf\xe9', which is not UTF-8 text"),
    "large text": (pa.array([b"a", b"\xff"], pa.large_binary()).view(pa.large_string()), "not UTF-8"),
    "category": (
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([b"a", b"\xff"]).view(pa.string())),
        "not UTF-8",
    ),
    "date": (pa.array([5, 10**7], pa.int32()).view(pa.date32()), "date32[day] 10000000, beyond the dates"),
    "date64": (pa.array([0, 10**17]).view(pa.date64()), "beyond the dates"),
    "seconds": (pa.array([5, 10**15], pa.timestamp("s", "UTC")), "beyond the dates"),
    "microseconds": (pa.array([5, 10**18], pa.timestamp("us")), "beyond the dates"),
    "before Christ": (pa.array([5, -(10**17)], pa.timestamp("us")), "beyond the dates"),
    "duration": (pa.array([5, 2**62], pa.duration("s")), "duration[s] 4611686018427387904, beyond"),
    "zone": (pa.array([None, 5], pa.timestamp("us", "No/Where")), "beyond the dates"),
    "months": (pa.array([(0, 1, 1), (1, 0, 0)], pa.month_day_nano_interval()), "months are of different lengths"),
    "bytes": (pa.array([None, b"x"]), "decode it to text"),
    "decimal": (pa.array([None, 2**60 + 1]).cast(pa.decimal128(38, 2)), "cannot hold exactly"),
    "nan": (pa.array([0.5, float("nan")], pa.float32()), "is nan"),
    "map": (pa.array([[], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64())), "two keys with the text 'k'"),
}
LENGTH = 1_100  # more than a batch
SHAPES: dict[str, tuple[Callable[[pa.Array], pa.Array], str]] = {
    "struct": (lambda a: pa.StructArray.from_arrays([a], ["at"]), "metadata.at"),
    "list": (
        lambda a: pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1, 2], a)], ["tags"]),
        "metadata.tags[0]",
    ),
    "map": (lambda a: pa.MapArray.from_arrays([0, 1, 2], pa.array(["a b", "a b"]), a), "metadata['a b']"),
}


def outcomes(rows: Any) -> tuple[int, dict[int, InvalidRequest]]:
    """Return how many rows there are, and the errors of those that are rejected."""
    sent = [encoded(row) for row in values(rows)]
    return len(sent), {number: error for number, error in enumerate(sent) if isinstance(error, InvalidRequest)}


def encoded(row: object) -> bytes | InvalidRequest:
    try:
        return Update(FieldNames()).encode(row).fragment
    except InvalidRequest as error:
        return error


def written(table: pa.Table, path: Path) -> Path | None:
    try:
        parquet.write_table(table, path)
        parquet.read_table(path)
    except (pa.ArrowException, NotImplementedError):
        return None  # Parquet has no such type, or does not read it
    return path


@pytest.mark.parametrize(
    ("name", "shape"), [*((name, "struct") for name in ARRAYS), ("text", "list"), ("date", "map"), ("nan", "list")]
)
def test_one_odd_value_of_arrow_is_one_rejected_row(tmp_path: Path, name: str, shape: str) -> None:
    pair, reason = ARRAYS[name]
    nested, path = SHAPES[shape]
    place = random.Random(name + shape).randrange(LENGTH)
    metadata = nested(pair).take(pa.array([int(row == place) for row in range(LENGTH)]))
    table = pa.table({"id": [f"v{row}" for row in range(LENGTH)], "metadata": metadata})
    file = written(table, tmp_path / "rows.parquet")
    for rows in [table, table.to_reader(), file, table.slice(place - place % 7)]:
        if rows is not None:
            count, errors = outcomes(rows)
            (number,) = errors
            assert number == place - (LENGTH - count)
            assert errors[number].field == "metadata"
            assert errors[number].reason.startswith(path)
            assert reason in errors[number].reason


UUID = uuid.UUID(bytes=b"\1" * 16)
_PERIODS = pd.Series(pd.period_range("2026-01", periods=1, freq="M"))
_STRUCT = pa.array([{"x": None, "y": 0.1}], pa.struct([("x", pa.int64()), ("y", pa.float32())]))
# Arrays whose type stores something else than the value; what is sent for it, or what the reason says.
STORED: dict[str, tuple[pa.Array, object]] = {
    "float32": (pa.array([0.1], pa.float32()), 0.1),
    "float16": (pa.array([np.float16(0.1)], pa.float16()), 0.1),
    "category of floats": (pa.array([0.1], pa.float32()).dictionary_encode(), 0.1),
    "category of structs": (pa.DictionaryArray.from_arrays([0], _STRUCT), {"y": 0.1}),
    "runs of structs": (pa.RunEndEncodedArray.from_arrays([1], _STRUCT), {"y": 0.1}),
    "runs of floats": (pa.RunEndEncodedArray.from_arrays([1], pa.array([0.1], pa.float32())), 0.1),
    "union": (pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([0.1], pa.float32())]), 0.1),
    **{
        name: (pa.ExtensionArray.from_storage(getattr(pa, kind)(), storage), expected)
        for name, kind, storage, expected in (
            ("bool8", "bool8", pa.array([1], pa.int8()), True),
            ("UUID", "uuid", pa.array([UUID.bytes], pa.binary(16)), str(UUID)),
            ("JSON", "json_", pa.array(['{"a":1}']), '{"a":1}'),
        )
        if hasattr(pa, kind)  # later versions
    },
    "period": (pa.Array.from_pandas(_PERIODS), InvalidRequest("x", "is 672, a period of pandas")),
    "category of periods": (
        pa.DictionaryArray.from_arrays([0], pa.Array.from_pandas(_PERIODS)),
        InvalidRequest("x", "a period of"),
    ),
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", [*STORED])
def test_a_value_is_not_what_its_type_stores(name: str, nested: bool) -> None:
    array, expected = STORED[name]
    names = FieldNames(metadata_fields=["x"])
    cells = pa.StructArray.from_arrays([array], ["at"]) if nested else array
    (row,) = values(pa.table({"id": ["a"], "x": cells}), metadata_fields=["x"])
    if isinstance(expected, InvalidRequest):
        with pytest.raises(InvalidRequest, match=expected.reason) as raised:
            Update(names).encode(row)
        assert ("metadata.x.at" in raised.value.reason) == nested
    else:
        sent = json.loads(Update(names).encode(row).fragment)["metadata"]["x"]
        assert sent == ({"at": expected} if nested else expected)


def test_periods_in_a_frame_are_rejected() -> None:
    frame = pd.DataFrame({"id": ["a"], "x": _PERIODS})
    (row,) = values(frame, metadata_fields=["x"])
    with pytest.raises(InvalidRequest, match="a period of pandas"):
        Update(FieldNames(metadata_fields=["x"])).encode(row)


def test_uuids_of_arrow_are_ids_and_namespaces() -> None:
    uuids, _ = STORED["UUID"]
    (row,) = values(pa.table({"id": uuids, "namespace": uuids, "data": ["x"]}))
    encoded = Update(FieldNames()).encode(row)
    assert encoded.namespace == encoded.id == str(UUID)


@settings(max_examples=15)
@given(st.data(), st.integers(1, 1_500))
def test_odd_objects_at_any_place_of_lists_and_frames(data: st.DataObject, length: int) -> None:
    places = data.draw(st.sets(st.integers(0, length - 1), max_size=4))
    rows: list[dict[str, Any]] = [
        {"id": f"v{row}", "metadata": {"x": ACCEPTED[row % len(ACCEPTED)][0]}} for row in range(length)
    ]
    for place in places:
        rows[place]["metadata"] = {"tags": [{"at": REFUSED[data.draw(st.integers(0, len(REFUSED) - 1))][0]}]}
    frame = pd.DataFrame({"id": [row["id"] for row in rows]})
    frame["metadata"] = pd.Series([row["metadata"] for row in rows], dtype=object)
    for source in (rows, (row for row in rows), frame):
        count, errors = outcomes(source)
        assert (count, {*errors}) == (length, places)
        assert all(error.reason.startswith("metadata.tags[0].at") for error in errors.values())


@pytest.mark.parametrize("odd", [5, b"x", dt.date(2026, 1, 2), 0.5, ["x"]], ids=repr)
@pytest.mark.parametrize("dtype", ["object", "category"])
def test_a_cell_of_another_type_in_a_column_of_a_frame(odd: Any, dtype: str) -> None:
    cells: list[Any] = ["x"] * 3_000
    cells[1_500] = odd
    if dtype == "category" and isinstance(odd, list):
        odd = cells[1_500] = ("x",)
    frame = pd.DataFrame({"id": [f"v{row}" for row in range(3_000)], "data": pd.Series(cells, dtype=dtype)})
    assert outcomes(frame)[1].keys() == {1_500}


def test_a_run_goes_on_and_its_failures_can_be_rows_again(tmp_path: Path) -> None:
    texts = [b"text"] * 3_000
    texts[1_500] = b"caf\xe9"
    table = pa.table(
        {
            "id": [f"v{row}" for row in range(3_000)],
            "vector": pa.array([[0.1, 2.0]] * 3_000, pa.list_(pa.float32())),
            "metadata": pa.array([{"at": dt.date(2026, 1, 2)}] * 3_000),
            "data": pa.array(texts).view(pa.string()),
        }
    )
    failures = tmp_path / "failures.jsonl"
    endpoint = Endpoint.of("https://x.example", "token")
    options: dict[str, Any] = {"dry_run": True, "check_index": False, "max_failures": 1, "progress": "none"}
    report = bulk.update(table, endpoint, failures_path=failures, **options)
    assert (report.total, report.rejected) == (3_000, 1)
    (line,) = failures.read_bytes().splitlines()
    assert json.loads(line) == {
        "id": "v1500",
        "vector": [0.1, 2.0],
        "metadata": {"at": "2026-01-02"},
        "data": [r"b'caf\xe9'"],
        "failure": {
            "row": 1_500,
            "outcome": "rejected",
            "field": "data",
            "reason": r"is b'caf\xe9', which is not UTF-8 text",
            "changed": ["data"],
        },
    }
    assert outcomes(str(failures))[1][0].field == "data"
    failures.write_bytes(line.replace(b"[\"b'caf\\\\xe9'\"]", '"café"'.encode()) + b"\n")
    assert outcomes(str(failures)) == (1, {})


ARROW = int(pa.__version__.partition(".")[0])
INT96_UNITS = {"ms": 10**3, "us": 10**6, "ns": 10**9}


@settings(max_examples=15)
@given(st.sampled_from([*INT96_UNITS]), st.data())
def test_int96_timestamps_are_the_dates_that_were_written(
    tmp_path_factory: pytest.TempPathFactory, unit: str, data: st.DataObject
) -> None:
    year_1, year_10000 = -62_135_596_800, 253_402_300_800  # seconds since 1970
    if unit == "ns":
        year_1, year_10000 = -(2**63) // 10**9 + 1, 2**63 // 10**9
    scale = INT96_UNITS[unit]
    moments = st.integers(year_1 * scale, year_10000 * scale - 1)
    given = data.draw(
        st.lists(moments | st.sampled_from([0, -1, year_1 * scale, year_10000 * scale - 1]), min_size=1)
    )
    far = data.draw(st.booleans())
    if far and unit != "ns":
        given.append(year_10000 * scale * data.draw(st.integers(1, 36)))
    if ARROW <= 18:  # it writes wrong times of the day before 1970
        day = 86_400 * scale
        given = [moment if moment >= 0 else -(-moment // day) * day for moment in given]
    at = pa.array(given, pa.timestamp(unit))
    lists = pa.array([[moment] for moment in given], pa.list_(at.type))
    metadata = pa.StructArray.from_arrays([at, lists], ["at", "list"])
    table = pa.table({"id": [str(row) for row in range(len(given))], "metadata": metadata})
    path = tmp_path_factory.mktemp("int96") / "rows.parquet"
    parquet.write_table(table, path, use_deprecated_int96_timestamps=True)
    assert "INT96" in {parquet.ParquetFile(path).schema.column(n).physical_type for n in (1, 2)}
    for read, expected in zip(map(encoded, values(path)), map(encoded, values(table)), strict=True):
        assert type(read) is type(expected)
        assert read == expected or not isinstance(read, bytes)
