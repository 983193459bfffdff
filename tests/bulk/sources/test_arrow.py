from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from airflow_provider_upstash_vector.bulk.operations.update import Update
from airflow_provider_upstash_vector.bulk.sources import FieldNames, InvalidRows
from tests.support.reading import ids, source, values

LISTS: list[Callable[[Any], Any]] = [pa.list_, pa.large_list, lambda kind: pa.list_(kind, 2)]
each_list = pytest.mark.parametrize("list_of", LISTS, ids=["list", "large_list", "fixed_size_list"])
NUMBERS = [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint16(), pa.int32(), pa.int64()]


def table(**columns: Any) -> pa.Table:
    length = len(next(iter(columns.values())))
    return pa.table({"id": [str(row) for row in range(length)], **columns})


@each_list
@pytest.mark.parametrize("number", NUMBERS, ids=str)
@pytest.mark.parametrize("begin", [0, 1, 3])
def test_vectors_are_views_and_null_ones_are_not_given(
    list_of: Callable[[Any], Any], number: Any, begin: int
) -> None:
    lists = [[1, 2], None, [3, 4], [5, 6], None, [7, 8]]
    typed = [None if one is None else [np.float16(part) for part in one] for one in lists]
    column = pa.array(typed if number == pa.float16() else lists, list_of(number))
    rows = values(table(vector=column).slice(begin))
    given = [row.get("vector") for row in rows]
    assert [None if vector is None else vector.tolist() for vector in given] == lists[begin:]
    assert all(vector is None or isinstance(vector, np.ndarray) for vector in given)
    body = Update(FieldNames()).encode(rows[-1]).fragment
    assert body == b'{"id":"5","vector":[7.0,8.0]}'


@each_list
def test_a_null_within_a_vector_is_not_taken_for_a_number(list_of: Callable[[Any], Any]) -> None:
    column = pa.array([[1, 2], [3, None], [5, 6]], list_of(pa.int32()))
    first, second, third = (row["vector"] for row in values(table(vector=column)))
    assert first.tolist() == [1, 2]
    assert np.isnan(second).tolist() == [False, True]
    assert third.tolist() == [5, 6]


def test_vectors_may_differ_in_length_and_be_empty() -> None:
    lists = [[1.0], [], [2.0, 3.0]]
    assert [row["vector"].tolist() for row in values(table(vector=pa.array(lists)))] == lists
    empty = pa.array([[], []], pa.list_(pa.float32(), 0))
    assert [row["vector"].tolist() for row in values(table(vector=empty))] == [[], []]


def test_null_lists_that_hide_numbers() -> None:
    offsets, mask = pa.array([0, 2, 4, 6], pa.int32()), pa.array([False, True, False])
    hidden = pa.ListArray.from_arrays(offsets, pa.array([1.0, 2, 3, 4, 5, 6]), mask=mask)
    given = [row.get("vector") for row in values(table(vector=hidden))]
    assert [None if vector is None else vector.tolist() for vector in given] == [[1, 2], None, [5, 6]]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.bool_()), pa.list_(pa.string()), pa.list_(pa.list_(pa.int8()))], ids=str
)
def test_lists_of_other_things_are_left_to_the_encoder(kind: Any) -> None:
    (row,) = values(table(vector=pa.array([[]], kind)))
    assert row == {"id": "0", "vector": []}


def test_a_tensor_column_holds_vectors() -> None:
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    assert [row["vector"].tolist() for row in values(table(vector=tensors))] == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([2**63 - 1, -5]), ["9223372036854775807", "-5"]),
        (pa.array([2**64 - 1, 0], pa.uint64()), ["18446744073709551615", "0"]),
        (pa.array(["a", "ü"]).dictionary_encode(), ["a", "ü"]),
        (pa.array([7, 8]).dictionary_encode(), ["7", "8"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array(["a", "b" * 20], pa.string_view()), ["a", "b" * 20]),
        (
            pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16), bytes(range(16))], pa.binary(16))),
            [str(uuid.UUID(int=0)), str(uuid.UUID(bytes=bytes(range(16))))],
        ),
        (pa.array([1.0, 2.0]), [1.0, 2.0]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_ids_are_text_with_all_digits(column: Any, expected: list[object]) -> None:
    assert ids(pa.table({"id": column})) == expected


def test_sparse_vectors_are_structs_of_views_without_nulls() -> None:
    given: list[Any] = [
        {"indices": [1, 2], "values": [0.5, 1.5]},
        None,
        {"indices": [], "values": None},
        {"indices": [7]},
    ]
    kind = pa.struct([("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))])
    rows = values(table(sparse_vector=pa.array(given, kind)).slice(0))
    found = [row.get("sparse_vector") for row in rows]
    assert isinstance(found[0]["indices"], np.ndarray)
    assert [one and {name: part.tolist() for name, part in one.items()} for one in found] == [
        {"indices": [1, 2], "values": [0.5, 1.5]},
        None,
        {"indices": []},
        {"indices": [7]},
    ]
    body = b'{"id":"0","sparseVector":{"indices":[1,2],"values":[0.5,1.5]}}'
    assert Update(FieldNames()).encode(rows[0]).fragment == body
    part = pa.array(given, kind)[2:]
    assert values(table(sparse_vector=part))[1]["sparse_vector"]["indices"].tolist() == [7]


def test_a_null_in_any_column_is_a_field_not_given() -> None:
    rows = pa.table({"id": ["a", None], "data": pa.nulls(2), "namespace": [None, "n"], "metadata": pa.nulls(2)})
    assert values(rows) == [{"id": "a"}, {"namespace": "n"}]


def chunked() -> pa.Table:
    return pa.concat_tables([table(data=["x", "y"]), table(data=["-", "z"]).slice(1), table(data=["w"])])


@pytest.mark.parametrize(
    "rows",
    [
        chunked(),
        chunked().combine_chunks().to_batches()[0],
        chunked().to_reader(),
        chunked().to_struct_array(),
        chunked().combine_chunks().to_struct_array().combine_chunks(),
    ],
    ids=["table", "batch", "reader", "chunked array", "array"],
)
def test_arrow_rows_of_any_shape(rows: Any) -> None:
    assert [row["data"] for row in values(rows)] == ["x", "y", "z", "w"]


def test_a_stream_has_no_length_and_is_read_as_it_comes() -> None:
    taken = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(3):
            taken.append(number)
            yield from table(data=[str(number)] * 5000).to_batches()

    stream = source(pa.RecordBatchReader.from_batches(table(data=["x"]).schema, batches()))
    assert (stream.total, stream.count_from(0, 60), stream.fraction(), stream.blocking) == (None, None, None, True)
    assert taken == []
    rows = stream.rows(0)
    next(rows)
    assert taken == [0]
    assert len(list(rows)) == 14_999


@pytest.mark.parametrize("shard", [None, (0, 3), (2, 3)])
@pytest.mark.parametrize("skip", [0, 1, 4, 100])
def test_a_stream_is_sharded_and_skipped_by_rows(shard: tuple[int, int] | None, skip: int) -> None:
    batches = [*chunked().to_batches(), *chunked().to_batches()]
    expected = "xyzwxyzw"[shard[0] :: shard[1]] if shard else "xyzwxyzw"
    rows = pa.RecordBatchReader.from_batches(chunked().schema, batches)
    assert "".join(row["data"] for row in values(rows, skip, shard=shard)) == expected[skip:]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (pa.table({"doc": ["a"]}), "there is no id column; found doc"),
        (pa.table([["a"], ["b"]], names=["id", "id"]), "two columns hold the id: id and id"),
        (pa.table({"doc": ["a"]}).to_reader(), "there is no id column; found doc"),
        (pa.array([1, 2]), "the table cannot be read: "),
    ],
)
def test_a_table_that_cannot_be_used_is_told_at_once(rows: Any, reason: str) -> None:
    with pytest.raises(InvalidRows) as raised:
        source(rows)
    assert str(raised.value).startswith(reason)
