from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from tests.support.reading import ids, source, values

ROWS: list[dict[str, Any]] = [
    {"id": "a", "data": "x", "vector": [1.0, 2.0], "metadata": {"k": 1}},
    {"id": "b", "data": None, "vector": None, "metadata": None},
    {"id": "ü", "data": "z", "vector": [3.0, 4.0], "metadata": {"k": None, "l": [1]}},
]


class OldFrame(pd.DataFrame):  # type: ignore[misc]  # has no types
    """As pandas was before 2.2."""

    @property
    def __arrow_c_stream__(self) -> Any:
        raise AttributeError


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame, OldFrame])
def test_a_frame_gives_the_fields_that_are_not_null(frame: Callable[[Any], Any]) -> None:
    found = values(frame(ROWS))
    for row in found:
        row["vector"] = list(row["vector"]) if "vector" in row else None
    last = {"l": [1]} if frame is pl.DataFrame else {"k": None, "l": [1]}
    assert found == [
        {"id": "a", "data": "x", "vector": [1.0, 2.0], "metadata": {"k": 1}},
        {"id": "b", "vector": None},
        {"id": "ü", "data": "z", "vector": [3.0, 4.0], "metadata": last},
    ]


def test_polars_vectors_are_numpy_views() -> None:
    frame = pl.DataFrame({"id": ["a", "b"], "vector": [[1.0, 2.0]] * 2, "other": [object(), object()]})
    for kind in (pl.List(pl.Float32), pl.Array(pl.Float32, 2)):
        for row in values(frame.with_columns(pl.col("vector").cast(kind))):
            assert isinstance(row["vector"], np.ndarray)
            assert row["vector"].dtype == np.float32


def test_polars_categories_and_numbers_are_ids() -> None:
    assert ids(pl.DataFrame({"id": pl.Series(["a", "b"], dtype=pl.Categorical)})) == ["a", "b"]
    assert ids(pl.DataFrame({"id": pl.Series([2**63 - 1], dtype=pl.Int64)})) == ["9223372036854775807"]


def test_a_polars_series_of_structs_is_a_table() -> None:
    assert values(pl.Series([{"id": "a", "data": None}])) == [{"id": "a"}]


def test_pandas_cells_stay_the_objects_that_they_are() -> None:
    vectors = [np.array([1.0, 2.0], np.float32), [0.5], np.nan]
    metadata = [{"k": 1}, {"k": "text", "gone": None}, '{"k": true}']
    sparse = [([1], [0.5]), None, {"indices": np.array([1]), "values": np.array([0.5])}]
    frame = pd.DataFrame({"id": list("abc"), "vector": vectors, "metadata": metadata, "sparse_vector": sparse})
    first, second, third = values(frame)
    assert first["vector"] is vectors[0]
    assert second == {"id": "b", "vector": [0.5], "metadata": {"k": "text", "gone": None}}
    assert third["metadata"] == {"k": True}
    assert third["sparse_vector"] is sparse[2]
    assert "vector" not in third


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["10", "11"], name="id"),
        pd.Index([10, 11], name="id"),
        pd.RangeIndex(10, 12, name="id"),
        pd.MultiIndex.from_tuples([("x", "10"), ("y", "11")], names=[None, "id"]),
    ],
    ids=["text", "numbers", "range", "level"],
)
def test_the_index_of_pandas_may_be_the_id(index: Any) -> None:
    assert values(pd.DataFrame({"data": ["x", "y"]}, index=index)) == [
        {"id": "10", "data": "x"},
        {"id": "11", "data": "y"},
    ]


def test_an_index_without_a_name_is_left_out_even_if_its_labels_repeat() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "data": ["x", np.nan]}, index=[7, 7])
    assert values(frame) == [{"id": "a", "data": "x"}, {"id": "b"}]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", None], dtype="object"),
        pd.Series(["a", None], dtype="string"),
        pd.Series(["a", None], dtype="string[pyarrow]"),
        pd.Series(["a", None], dtype="category"),
    ],
)
def test_nulls_of_every_kind_of_pandas_text_are_fields_not_given(series: Any) -> None:
    assert values(pd.DataFrame({"id": ["1", "2"], "data": series})) == [{"id": "1", "data": "a"}, {"id": "2"}]


def test_pandas_columns_that_hold_no_field_do_not_matter() -> None:
    frame = pd.DataFrame({"id": ["a"], "other": [object()], 3: ["x"]})
    assert values(frame) == [{"id": "a"}]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (pd.DataFrame({"doc": ["a"]}), "there is no id column; found doc"),
        (pd.DataFrame([["a", "b"]], columns=["id", "id"]), "two columns hold the id: id and id"),
        (pd.DataFrame({"id": ["a"]}, index=pd.Index([1], name="id")), "two columns hold the id: id and id"),
        (pl.DataFrame({"doc": ["a"]}), "there is no id column; found doc"),
        (pl.Series([1, 2]), "the table cannot be read: "),
    ],
)
def test_a_frame_that_cannot_be_used_is_told_at_once(frame: Any, reason: str) -> None:
    with pytest.raises(InvalidRows) as raised:
        source(frame)
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_a_frame_is_sharded_and_skipped_in_parts(frame: Callable[[Any], Any]) -> None:
    table = frame({"id": [str(row) for row in range(5000)]})
    for number in range(3):
        part = [str(row) for row in range(5000 * number // 3, 5000 * (number + 1) // 3)]
        opened = source(table, shard=(number, 3))
        assert opened.total == len(part)
        assert opened.count_from(10, 60) == len(part) - 10
        assert ids(table, 10, shard=(number, 3)) == part[10:]


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_the_fingerprint_of_a_frame_sees_its_length_and_the_shard(frame: Callable[[Any], Any]) -> None:
    before = source(frame(ROWS)).fingerprint
    assert source(frame(ROWS)).fingerprint == before
    assert source(frame(ROWS[:2])).fingerprint != before
    assert source(frame(ROWS), shard=(0, 2)).fingerprint != before
