from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.bulk.sources import InvalidRows, SourceBroken
from airflow_provider_upstash_vector.bulk.sources.parquet_sizes import leaves
from tests.support.reading import CountingPath, ids, read, source, values


def written(
    folder: Path, columns: dict[str, Any] | pa.Table, *, group: int = 1000, name: str = "rows.parquet"
) -> str:
    path = folder / name
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    parquet.write_table(table, path, row_group_size=group)
    return str(path)


def numbered(count: int, begin: int = 0) -> dict[str, list[Any]]:
    return {"id": [str(row) for row in range(begin, begin + count)]}


@pytest.mark.parametrize("count", [0, 1, 5, 2500])
def test_rows_come_in_order_and_their_number_is_known(tmp_path: Path, count: int) -> None:
    path = written(tmp_path, {"id": pa.array(numbered(count)["id"], pa.string())})
    assert read(path) == [({"id": str(row)}, path, None) for row in range(count)]
    assert source(path).total == count


def test_vectors_are_views_of_arrow_memory(tmp_path: Path) -> None:
    vectors = np.arange(20, dtype=np.float32).reshape(5, 4)
    path = written(tmp_path, {"id": list("abcde"), "vector": list(vectors)})
    found = [row["vector"] for row in values(path)]
    assert all(isinstance(vector, np.ndarray) and not vector.flags.owndata for vector in found)
    assert all(vector.dtype == np.float32 for vector in found)
    assert np.array_equal(np.stack(found), vectors)


def test_metadata_may_be_a_struct_a_map_or_json(tmp_path: Path) -> None:
    struct = pa.array([{"a": 1, "b": {"c": None, "d": [{"e": None, "f": 2}, None]}}, {"a": None, "b": None}, None])
    kind = pa.map_(pa.string(), pa.map_(pa.string(), pa.struct([("x", pa.int64()), ("y", pa.int64())])))
    map_ = pa.array([[("a", [("k", {"x": 1, "y": None}), ("l", None)]), ("b", None)], [], None], kind)
    text = pa.array(['{"a": null}', "[1]", "{"], pa.large_string())
    read_struct, read_map, read_text = (
        [getattr(row, "text", None) or row.get("metadata") for row in values(path)]
        for path in (
            written(tmp_path, {"id": list("abc"), "metadata": column}, name=f"{number}.parquet")
            for number, column in enumerate((struct, map_, text))
        )
    )
    assert read_struct == [{"a": 1, "b": {"d": [{"f": 2}, None]}}, {}, None]
    assert read_map == [{"a": {"k": {"x": 1}, "l": None}, "b": None}, {}, None]
    assert read_text == [{"a": None}, [1], "{"]


def test_text_that_is_not_json_stays_text_in_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": ["a", "b"], "vector": ["[1", "[1]"]})
    broken, row = values(path)
    assert broken == {"id": "a", "vector": "[1"}
    assert broken["vector"].reason.startswith("is neither JSON nor a Python literal: ")
    assert row == {"id": "b", "vector": [1]}


def test_an_integer_of_metadata_given_as_text_is_exact(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": ["a"], "metadata": ['{"n": 18446744073709551617}']})
    assert values(path) == [{"id": "a", "metadata": {"n": 2**64 + 1}}]


def test_columns_that_hold_no_field_are_not_read(tmp_path: Path) -> None:
    noise = [np.random.default_rng(row).bytes(5000) for row in range(1000)]
    path = written(tmp_path, {**numbered(1000), "other": noise})
    counting = CountingPath(Path(path))
    assert len(values(counting)) == 1000
    assert counting.bytes_read < 200_000 < Path(path).stat().st_size


def test_a_shard_and_a_skip_read_their_row_groups_only(tmp_path: Path) -> None:
    noise = [np.random.default_rng(row).bytes(4000).hex() for row in range(1000)]
    path = Path(written(tmp_path, {**numbered(1000), "data": noise}, group=100))
    size = path.stat().st_size
    shard, tail, none = CountingPath(path), CountingPath(path), CountingPath(path)
    assert ids(shard, shard=(1, 5)) == [str(row) for row in (*range(100, 200), *range(600, 700))]
    assert ids(tail, 950) == [str(row) for row in range(950, 1000)]
    assert ids(none, 1000) == []
    assert shard.bytes_read < size * 0.25
    assert tail.bytes_read < size * 0.15
    assert none.bytes_read < size * 0.05
    assert size > 8_000_000


def test_row_groups_are_dealt_out_over_all_files(tmp_path: Path) -> None:
    paths = [written(tmp_path, numbered(10, file * 10), name=f"{file}.parquet") for file in range(4)]
    assert ids(paths, shard=(0, 2)) == [str(row) for row in (*range(10), *range(20, 30))]
    assert ids(paths, shard=(1, 2)) == [str(row) for row in (*range(10, 20), *range(30, 40))]
    assert source(paths, shard=(1, 3)).total == 10


def test_a_group_is_read_piece_by_piece(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).random((20_000, 256), dtype=np.float32)
    path = written(
        tmp_path,
        pa.table({**numbered(len(vectors)), "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), 256)}),
        group=1_000_000,
    )
    rows = source(path).rows(0)
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    most = max(pa.total_allocated_bytes() for _ in rows) - before
    python = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most + python < vectors.nbytes * 0.75


@pytest.mark.parametrize("content", [b"", b"PAR1", b'{"id":"a"}\n' * 10])
def test_what_is_no_parquet_file_is_told_before_anything_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)
    with pytest.raises(InvalidRows, match=r"rows.parquet: not a Parquet file: "):
        source(str(path))


def test_a_file_that_is_cut_is_no_parquet_file(tmp_path: Path) -> None:
    path = Path(written(tmp_path, numbered(1000)))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InvalidRows, match="not a Parquet file"):
        source(str(path))


def test_data_that_is_wrong_breaks_the_source_after_the_rows_before(tmp_path: Path) -> None:
    path = Path(written(tmp_path, numbered(1000), group=100))
    rows = source(str(path)).rows(0)
    start = parquet.ParquetFile(path).metadata.row_group(5).column(0)
    content = bytearray(path.read_bytes())
    begin = start.dictionary_page_offset or start.data_page_offset
    content[begin : begin + 50] = b"\xff" * 50
    path.write_bytes(bytes(content))
    found = []
    with pytest.raises(SourceBroken) as raised:  # noqa: PT012 - the rows before are wanted
        for row in rows:
            found.append(row)  # noqa: PERF402 - as above
    assert len(found) == raised.value.rows_read == 500


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["doc", "vector"], "there is no id column; found doc, vector"),
        (["id", "id"], "two columns hold the id: id and id"),
        (["metadata", "metadata"], "two columns hold the metadata: "),
    ],
)
def test_a_file_whose_columns_cannot_be_used_is_told_before_anything_is_read(
    tmp_path: Path, names: list[str], reason: str
) -> None:
    path = written(tmp_path, pa.table([["a"], ["b"]], names=names))
    with pytest.raises(InvalidRows) as raised:
        source(path)
    assert str(raised.value).startswith(f"{path}: {reason}")


def test_columns_can_be_called_otherwise(tmp_path: Path) -> None:
    path = written(tmp_path, {"doc.id": ["a"], "id": [7], "emb": [[1.0, 2.0]]})
    (row,) = values(path, id="doc.id", vector="emb")
    assert row["doc.id"] == "a"
    assert row["emb"].tolist() == [1.0, 2.0]
    assert "id" not in row


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = written(tmp_path, numbered(1))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for rows in (path, pa.table(numbered(1))):
        with pytest.raises(InvalidRows, match=r"pip install 'airflow-provider-upstash-vector\[parquet\]'"):
            source(rows)


def test_the_leaves_of_columns_whose_names_have_dots(tmp_path: Path) -> None:
    cells = pa.array([{"x": {"y": 1}, "z": 2}])
    parquet.write_table(pa.table({"a.b": cells, "a": cells, "c.": [1]}), tmp_path / "rows.parquet")
    found = [(leaf.path, within) for _, leaf, within in leaves(parquet.ParquetFile(tmp_path / "rows.parquet"))]
    assert found == [
        ("a.b.x.y", ["a.b.x.y", "a", "a.b", "a.b.x"]),
        ("a.b.z", ["a.b.z", "a", "a.b"]),
        ("a.x.y", ["a.x.y", "a", "a.x"]),
        ("a.z", ["a.z", "a"]),
        ("c.", ["c.", "c"]),
    ]
