from __future__ import annotations

import array
import datetime as dt
import decimal
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.operations.upsert import Upsert
from airflow_provider_upstash_vector.bulk.sources import FieldNames, Unreadable
from airflow_provider_upstash_vector.bulk.tracking.failure_lines import UnknownId, failure_line
from airflow_provider_upstash_vector.client import Data, Vector, VectorUpdate
from airflow_provider_upstash_vector.client.errors import (
    BadRequest,
    ConnectionFailed,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    RateLimited,
    ResponseLost,
    ServerError,
    UpstashVectorError,
)
from tests.support.bulk_runs import prepared
from tests.support.reading import read

REASON = InvalidRequest("x", "wrong")


def line(value: object, error: UpstashVectorError = REASON, number: int = 0) -> bytes:
    return failure_line(value, error, number=number, file=None, place=None)


def parsed_line(value: object, error: UpstashVectorError = REASON) -> Any:
    written = line(value, error)
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    return json.loads(written)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "failures.jsonl"


def test_a_line_is_the_row_and_what_happened_to_it() -> None:
    row = {"id": "a", "vector": np.array([0.1, 2], dtype=np.float32), "metadata": {"x": None}}
    written = failure_line(row, InvalidRequest("vector", "too long"), number=4, file="a.jsonl", place=7)
    assert json.loads(written) == {
        "id": "a",
        "vector": [0.1, 2.0],
        "metadata": {"x": None},
        "failure": {
            "row": 4,
            "outcome": "rejected",
            "field": "vector",
            "reason": "too long",
            "file": "a.jsonl",
            "line": 7,
        },
    }
    elsewhere = failure_line(row, REASON, number=4, file=None, place="row group 2")
    assert json.loads(elsewhere)["failure"]["place"] == "row group 2"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            BadRequest(400, "no"),
            {"outcome": "failed", "reason": "400 no", "status": 400, "may_have_been_applied": False},
        ),
        (ServerError(503, "no"), {"status": 503, "may_have_been_applied": True}),
        (RateLimited(429, "no"), {"status": 429, "may_have_been_applied": False}),
        (ResponseLost("gone"), {"reason": "gone", "may_have_been_applied": True}),
        (ConnectionFailed("closed"), {"reason": "closed", "may_have_been_applied": False}),
        (InvalidResponse("<html>"), {"reason": "<html>", "may_have_been_applied": True}),
        (NotFound(404, "no such path"), {"outcome": "failed", "status": 404, "may_have_been_applied": False}),
        (UnknownId("there is no vector 'a'"), {"outcome": "missing", "reason": "there is no vector 'a'"}),
    ],
)
def test_the_failure_of_an_error(error: UpstashVectorError, expected: dict[str, Any]) -> None:
    assert expected.items() <= parsed_line({"id": "a"}, error)["failure"].items()


def sent(row: object, names: FieldNames) -> bytes | str:
    """Return the body of a row's request, or the field for which the row is rejected."""
    try:
        return Update(names).encode(row).fragment
    except InvalidRequest as error:
        return error.field


def fed_back(path: Path, names: FieldNames | None = None) -> list[bytes | str]:
    names = names or FieldNames()
    rows = read(str(path), **asdict(names))
    return [sent(value, names) for value, _, _ in rows]


@dataclass
class Point:
    x: int


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Foreign:
    def tolist(self) -> list[float]:
        return [0.5, 1.5]


class Broken:
    def tolist(self) -> object:
        return self


DEEP: Any = {}
for _ in range(300):
    DEEP = {"x": DEEP}

GOOD: list[dict[str, Any]] = [
    {"id": "a", "data": "é\n\u2028"},
    {"id": "a", "vector": np.array([0.1, 1e-9])},
    {"id": "a", "vector": np.array([1, 9, 2], dtype=np.float32)[::2]},
    {"id": "a", "vector": np.array([1, 2], dtype=">f4")},
    {"id": "a", "vector": np.array([0.5], dtype=np.float16)},
    {"id": "a", "vector": array.array("f", [0.5])},
    {"id": "a", "vector": Foreign()},
    {"id": "a", "vector": (1, 2.5)},
    {"id": "a", "sparse_vector": (np.array([3, 1]), np.array([0.5, 1]))},
    {"id": "a", "metadata": MappingProxyType({"n": np.int64(3), "x": np.float64(0.5), "none": None})},
    {"id": "a", "metadata": {"at": dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)}},
    {"id": "a", "metadata": {"null": None}, "metadata_update_mode": "patch", "namespace": "n"},
    {"id": "a", "data": "x", "failure": {"row": 9, "reason": "the time before"}},
]

BAD: list[dict[str, Any]] = [
    {"id": "a", "metadata": {"x": math.nan}},
    {"id": "a", "metadata": {"x": [{"y": np.float32("inf")}]}},
    {"id": "a", "metadata": {"x": np.array([np.nan])}},
    {"id": "a", "metadata": {1.5: 2}},
    {"id": "a", "metadata": {"x": {math.inf, 2}}},
    {"id": "a", "metadata": {"x": b"bytes"}},
    {"id": "a", "metadata": {"x": Point(1)}},
    {"id": "a", "metadata": {"x": 2**70}},
    {"id": "a", "metadata": {"x": "\ud800"}},
    {"id": "a", "metadata": {"x": decimal.Decimal("0.1000000000000000000001")}},
    {"id": "a", "metadata": DEEP},
    {"id": "a", "metadata": Point(1)},
    {"id": "a", "vector": [0.1, math.nan]},
    {"id": "a", "vector": np.array([np.inf])},
    {"id": "a", "vector": [2**70, "x"]},
    {"id": "a", "vector": np.array([[1.0], [2.0]])},
    {"id": "a", "sparse_vector": ([1], [math.nan])},
    {"id": "a", "sparse_vector": {"indices": {1}, "values": [1.0]}},
    {"id": b"a", "data": "x"},
    {"id": 7.5, "data": "x"},
    {"id": "\ud800", "data": "x"},
    {"id": Silent(), "data": "x"},
    {"id": "a", "data": Silent()},
    {"id": "a", "data": "x", "namespace": b"n"},
    {"id": "a", "data": "x", "metadata_update_mode": {"PATCH"}, "metadata": {}},
    {"id": "a", "vector": Broken()},
]


@pytest.mark.parametrize("row", GOOD)
def test_a_row_that_could_be_sent_is_the_same_when_it_is_fed_back(path: Path, row: dict[str, Any]) -> None:
    file = prepared(path, None)
    file.write(line(row))
    file.close()
    assert fed_back(path) == [Update(FieldNames()).encode(row).fragment]


@pytest.mark.parametrize("row", BAD, ids=", ".join)
def test_a_row_that_could_not_be_sent_is_rejected_again_for_the_same_field(
    path: Path, row: dict[str, Any]
) -> None:
    file = prepared(path, None)
    file.write(line(row))
    file.close()
    refused = sent(row, FieldNames())
    assert isinstance(refused, str)
    assert fed_back(path) == [refused]


def test_an_integer_beyond_64_bits_is_written_as_it_is() -> None:
    row = {"id": "a", "metadata": {"n": [-(2**63) - 1, 2**64, 2**70], "é": 0.5}}
    members = parsed_line(row)
    del members["failure"]
    assert members == row


def test_rows_of_other_kinds_are_rejected_again(path: Path) -> None:
    file = prepared(path, None)
    rows: list[object] = [
        Unreadable('{"id":', "no JSON"),
        7,
        None,
        b"x",
        Silent(),
        {("a",): 1},
        {"\ud800": 1},
        {3: 1},
    ]
    for row in rows:
        file.write(line(row))
    file.close()
    assert fed_back(path) == ["raw"] * 5 + ["('a',)", "\\ud800", "3"]


def test_models_are_written_with_all_their_fields(path: Path) -> None:
    update = VectorUpdate(
        id="a", vector=[0.1], sparse_vector=([1], [0.1]), metadata={"gone": None}, metadata_update_mode="PATCH"
    )
    file = prepared(path, None)
    vector = Vector(id="b", vector=[0.1] * 400, metadata={"none": None}, data="x")
    models = [update, vector, Data(id="c", data="x" * 1_000)]
    for model in models:
        file.write(line(model, BadRequest(400, "no")))
    file.close()
    operations = {VectorUpdate: Update(FieldNames()), Vector: Upsert(FieldNames()), Data: Upsert(FieldNames())}
    rows = zip(models, read(str(path)), strict=True)
    sent_again = [operations[type(model)].encode(row).fragment for model, (row, _, _) in rows]
    assert sent_again == [model.to_json() for model in models]


def test_field_names_of_the_rows_are_kept(path: Path) -> None:
    names = FieldNames(id="pk", metadata="attributes")
    file = prepared(path, None)
    file.write(line({"pk": "a", "attributes": {"x": 1}}))
    file.close()
    assert fed_back(path, names) == [b'{"id":"a","metadata":{"x":1}}']


def test_text_that_utf_8_cannot_encode_is_escaped() -> None:
    written = failure_line(
        {"id": "a"}, InvalidRequest("\ud800", "no \udcff"), number=0, file="f\udcff", place=None
    )
    failure = json.loads(written)["failure"]
    assert (failure["field"], failure["reason"], failure["file"]) == ("\\ud800", "no \\udcff", "f\\udcff")


def array_of(value: object) -> Any:
    array = np.empty(2, dtype=object)
    array[1] = value
    return array


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.complex_numbers()
    | st.builds(Silent)
    | st.builds(object)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
        | st.builds(array_of, inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text() | st.integers() | st.sampled_from(["id", "vector"]), anything, max_size=4) | anything
)
def test_no_value_raises(value: object) -> None:
    members = parsed_line(value)
    assert members.pop("failure")["row"] == 0
    if isinstance(value, Mapping):
        assert len(members) <= len(value)


def test_a_changed_field_is_not_metadata_until_it_is_corrected(path: Path) -> None:
    names = FieldNames(metadata_fields="*")
    path.parent.mkdir()
    written = line({"id": "a", "at": dt.date(2026, 1, 2), "tags": ["x"]}, ConnectionFailed("closed"))
    for _ in range(2):  # what a run that rejects the line writes is not sent either
        path.write_bytes(written)
        row = json.loads(written)
        assert row["at"] == ["datetime.date(2026, 1, 2)"]
        tables = [pd.read_json(path, lines=True), pa.Table.from_pylist([row])]
        for source in [str(path), [row], *tables]:
            (value,) = (value for value, _, _ in read(source, metadata_fields="*"))
            with pytest.raises(
                InvalidRequest, match="at: holds the text of a value that JSON cannot hold"
            ) as raised:
                Update(names).encode(value)
            written = line(value, raised.value)
            assert json.loads(written)["failure"]["changed"] == ["at"]
    corrected = {**json.loads(written), "at": "2026-01-02"}
    body = json.loads(Update(names).encode(corrected).fragment)
    assert body["metadata"] == {"at": "2026-01-02", "tags": ["x"]}
    assert "changed" not in parsed_line(corrected)["failure"]
