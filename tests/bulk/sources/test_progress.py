from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.bulk.sources import PENDING, InvalidRows
from tests.support.reading import source

ROWS = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("progress")
    vector = [round(0.001 * number, 3) for number in range(200)]
    rows = [{"id": str(row), "vector": vector} for row in range(ROWS)]
    plain = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    (folder / "rows.jsonl").write_bytes(plain)
    with gzip.open(folder / "rows.jsonl.gz", "wb", compresslevel=1) as packed:
        packed.write(plain)
    cell = orjson.dumps(vector).decode()
    (folder / "rows.csv").write_text("id,vector\n" + "".join(f'{row},"{cell}"\n' for row in range(ROWS)))
    table = pa.table({"id": [row["id"] for row in rows], "vector": [row["vector"] for row in rows]})
    parquet.write_table(table, folder / "rows.parquet", row_group_size=5000)
    return folder


@pytest.mark.parametrize(
    ("names", "shard"),
    [
        (["rows.jsonl"], None),
        (["rows.csv"], None),
        (["rows.parquet"], None),
        (["rows.parquet"], (1, 3)),
        (["rows.jsonl", "rows.parquet"], (1, 3)),
    ],
)
def test_the_fraction_grows_from_0_to_1(folder: Path, names: list[str], shard: tuple[int, int] | None) -> None:
    opened = source([folder / name for name in names], shard=shard)
    fractions = [opened.fraction() or 0.0]
    fractions += [opened.fraction() or 0.0 for _ in opened.rows(0)]
    fractions.append(opened.fraction() or 0.0)
    assert fractions[0] == 0.0
    assert 0.0 < fractions[1] < 0.5
    assert fractions[-1] == 1.0
    assert fractions == sorted(fractions)
    assert any(0.4 < fraction < 0.6 for fraction in fractions)


def test_counting_does_not_disturb_the_fraction(folder: Path) -> None:
    opened = source(folder / "rows.jsonl")
    rows = opened.rows(0)
    next(rows)
    before = opened.fraction()
    assert opened.count_from(5, 60) == ROWS - 5
    assert opened.fraction() == before
    assert opened.count_from(0, 60) == ROWS


def test_a_file_without_bytes_has_no_fraction(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    opened = source(tmp_path / "rows.jsonl")
    assert list(opened.rows(0)) == []
    assert opened.fraction() is None


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.csv"])
def test_a_large_file_is_not_held_in_memory(folder: Path, name: str) -> None:
    assert (folder / "rows.jsonl").stat().st_size > 20_000_000
    tracemalloc.start()
    count = sum(row is not PENDING for row in source(folder / name).rows(0))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == ROWS
    assert most < 3_000_000


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv"])
def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b'id,data\na,"' if name.endswith("csv") else b'{"id":"')
        for _ in range(150):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    with pytest.raises(InvalidRows, match="is longer than 16 MB"):
        next(source(path).rows(0))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100_000_000


def test_a_count_that_takes_too_long_is_given_up(folder: Path) -> None:
    assert source(folder / "rows.jsonl").count_from(0, 0.0) is None
