"""Input that unfolds to gigabytes: peak memory of a process that reads it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

# Prints the peak memory in MB above that before reading, the rows, and those that are unreadable.
READ = """
import re, sys
import pyarrow, pyarrow.compute, pyarrow.parquet, numpy
from airflow_provider_upstash_vector.bulk.sources import FieldNames, InvalidRows, PENDING, Unreadable, open_source
def peak():  # of this program: ru_maxrss may be that of its parent
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1)) // 1024
before = peak()
rows = broken = 0
try:
    for row in open_source(sys.argv[1], FieldNames()).rows(0):
        if row is not PENDING:
            rows += 1
            broken += isinstance(row[0], Unreadable)
except InvalidRows as error:
    print(error, file=sys.stderr)
print(peak() - before, rows, broken)
"""


def measured(path: Path) -> tuple[int, int, int, str]:
    process = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    peak, rows, broken = map(int, process.stdout.split())
    return peak, rows, broken, process.stderr


def repeated(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), [text])


def ids(count: int) -> list[str]:
    return [str(row) for row in range(count)]


def text_of_gigabytes(path: Path) -> None:
    table = pa.table({"id": ids(300), "data": repeated("x" * 5_000_000, 300)})
    parquet.write_table(table, path, compression="zstd", store_schema=False)


def dictionary_of_gigabytes(path: Path) -> None:
    table = pa.table({"id": ids(300), "data": repeated("x" * 5_000_000, 300)})
    parquet.write_table(table, path, compression="zstd")


def legal_rows_of_1_mb(path: Path) -> None:
    texts = [f"{row:07}" * 149_000 for row in range(250)]
    small = [""] * 50_000  # so that the mean is small
    table = pa.table({"id": ids(50_250), "data": [*texts, *small]})
    parquet.write_table(table, path, compression="none", use_dictionary=False, write_batch_size=16)


def rows_larger_than_any(path: Path) -> None:
    table = pa.table({"id": ids(20), "data": repeated("x" * 100_000_000, 20)})
    parquet.write_table(table, path, compression="zstd", store_schema=False)


@pytest.mark.parametrize(
    ("write", "rows", "max_mb"),
    [
        (text_of_gigabytes, 300, 600),
        (dictionary_of_gigabytes, 300, 400),
        (legal_rows_of_1_mb, 50_250, 400),
    ],
)
def test_repeated_and_large_texts_are_read_in_small_batches(
    tmp_path: Path, write: Callable[[Path], None], rows: int, max_mb: int
) -> None:
    path = tmp_path / "rows.parquet"
    write(path)
    peak, *found, errors = measured(path)
    assert found == [rows, 0], errors
    assert peak < max_mb


def test_a_row_larger_than_any_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows_larger_than_any(path)
    peak, *found, errors = measured(path)
    assert found == [20, 20], errors
    assert peak < 1_200


def test_a_list_that_unfolds_to_gigabytes_ends_the_run(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    values = pa.array(np.zeros(70_000_000, np.float32))
    vector = pa.ListArray.from_arrays(pa.array([0, 70_000_000], pa.int32()), values)
    parquet.write_table(pa.table({"id": ["a"], "vector": vector}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    peak, *found, errors = measured(path)
    assert "may unfold to 280,000,000; write it with smaller row groups" in errors
    assert found == [0, 0]
    assert peak < 300


def test_a_csv_record_of_many_short_lines_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id,data\na,"' + b"b\r\n" * 12_000_000)
    code = READ.replace("rows += 1\n", "rows += 1\n            if rows == 2: break\n")
    process = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    peak, _, broken = map(int, process.stdout.split())
    assert broken >= 1
    assert peak < 250
