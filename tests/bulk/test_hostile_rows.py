"""Python values of every kind in every field: a run ends with a report, and only the row itself is rejected."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.bulk_runs import Run, failed, fill, stored

FIELDS = ("id", "vector", "sparse_vector", "data", "metadata", "metadata_update_mode", "namespace")


class Failing:
    """Raises from whatever is called."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)

    def __repr__(self) -> str:
        raise RuntimeError

    __len__ = __iter__ = __getitem__ = __hash__ = __bool__ = __repr__  # type: ignore[assignment]


class FailingMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RecursionError

    def __len__(self) -> int:
        return 3


class FailingList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise MemoryError


class FailingError(Exception):
    def __str__(self) -> str:
        raise ValueError


class RaisesFailingError(dict[str, Any]):
    def items(self) -> Any:
        raise FailingError


def nested(depth: int, kind: type[Any]) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"k": value} if kind is dict else [value]
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def objects() -> np.ndarray[Any, Any]:
    array = np.empty(2, dtype=object)
    array[0] = Failing()
    return array


HUGE = 10**5_000
VALUES: dict[str, Any] = {
    "deep dict": nested(2_000, dict),
    "deep list": nested(2_000, list),
    "deep list with NaN": {"a": float("nan"), "b": nested(200, list), "c": nested(100_000, list)},
    "cyclic": cyclic(),
    "huge integer": HUGE,
    "huge integer within": {"n": [HUGE]},
    "huge integer in a list": [HUGE, 1],
    "huge index": [[HUGE], [1.0]],
    "surrogate": "\ud800",
    "surrogate within": {"\ud800": "\udfff"},
    "NaN key": {float("nan"): 1},
    "mixed keys": {1: 1, None: 2, ("a",): 3},
    "decimal": decimal.Decimal("NaN"),
    "bytes": b"\xff",
    "date": dt.date(1, 1, 1),
    "uuid": uuid.UUID(int=0),
    "set": {1, 2},
    "class": dict,
    "object": object(),
    "failing": Failing(),
    "failing mapping": FailingMapping(),
    "failing list": FailingList([1.0, 2.0]),
    "failing error": RaisesFailingError(k=1),
    "array of objects": objects(),
    "structured array": np.zeros(2, dtype=[("a", "f4")]),
    "NaT": np.datetime64("NaT"),
    "complex": [1j, 2j],
    "lambda": lambda: 1,
    "generator": (n for n in range(3)),
}
ROWS: dict[str, Any] = {
    "failing mapping": FailingMapping(),
    "failing items": RaisesFailingError(k=1),
    "failing": Failing(),
    "unhashable names": type("M", (dict,), {"items": lambda _: [([], 1)]})(k=1),
    "deep": nested(2_000, list),
    "huge": HUGE,
    "None": None,
    "surrogate name": {"\ud800": 1},
}


def hostile() -> list[Any]:
    return [
        *({"id": "bad", "metadata": {}, field: value} for field in FIELDS for value in VALUES.values()),
        *ROWS.values(),
    ]


def between(rows: list[Any]) -> tuple[list[Any], list[str]]:
    """Return the rows with a good one before each, and the ids of those."""
    names = [f"good{n}" for n in range(len(rows))]
    good = [{"id": id, "metadata": {"n": 1}} for id in names]
    return [row for pair in zip(good, rows, strict=True) for row in pair], names


@pytest.mark.parametrize("kind", ["list", "generator", "resumed list"])
def test_only_hostile_rows_are_rejected(server: DevServer, run: Run, tmp_path: Path, kind: str) -> None:
    rows, names = between(hostile())
    fill(server, names)
    failures = tmp_path / "failures.jsonl"
    checkpoint = tmp_path / "checkpoint" if kind == "resumed list" else None
    given = iter(rows) if kind == "generator" else rows
    report = run(given, max_failures="100%", failures_path=failures, checkpoint=checkpoint)
    assert report.total == len(rows)
    assert report.failed == 0
    assert all(metadata == {"n": 1} for metadata in stored(server).values())
    assert report.done == len(names)
    written = [json.loads(line)["failure"] for line in failures.read_bytes().splitlines()]
    assert len(written) == report.rejected
    # a few values are good in one field or another, for the unknown id "bad"
    assert report.rejected >= len(names) * 0.9
    assert all(failure["reason"] for failure in written)


def test_a_dry_run_counts_hostile_rows(run: Run) -> None:
    rows, _ = between(hostile())
    report = run(rows, max_failures="100%", dry_run=True)
    assert report.total == len(rows)
    assert report.rejected > len(rows) * 0.4


@pytest.mark.parametrize("field", FIELDS)
def test_only_the_hostile_rows_of_a_frame_are_rejected(server: DevServer, run: Run, field: str) -> None:
    rows, names = between([{"id": "bad", field: value} for value in VALUES.values()])
    fill(server, names)
    columns: dict[str, Any] = {"id": [], "metadata": [], field: []}
    for column, cells in columns.items():
        cells += [row.get(column) for row in rows]
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    report = run(frame, max_failures="100%")
    assert (report.total, report.done, report.failed) == (len(rows), len(names), 0)
    assert report.rejected >= len(names) * (0.3 if field == "id" else 0.6)


def test_a_row_of_arrow_without_a_python_value_is_one_rejected_row(server: DevServer, run: Run) -> None:
    names = [f"v{n}" for n in range(100)]
    fill(server, names)
    texts = [b"text"] * 100
    texts[50] = b"\xff"
    data = pa.Array.from_buffers(pa.string(), 100, pa.array(texts).buffers())
    report = run(pa.table({"id": names, "data": data}), max_failures=1)
    assert (report.done, report.rejected) == (99, 1)


@pytest.mark.parametrize("change", ["truncated", "other content", "longer"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "rows.jsonl.gz"])
def test_a_file_that_changes_while_it_is_read_ends_in_a_report(
    server: DevServer, run: Run, tmp_path: Path, name: str, change: str
) -> None:
    ids = [f"v{n}" for n in range(4_000)]
    fill(server, ids[:1])
    path = tmp_path / name
    lines = "".join(f'{{"id":"{id}","data":"{id * 60}"}}\n' for id in ids)
    if name == "rows.parquet":
        parquet.write_table(pa.table({"id": ids, "data": [id * 60 for id in ids]}), path, row_group_size=500)
    elif name.endswith("gz"):
        path.write_bytes(gzip.compress(lines.encode(), 0))
    else:
        path.write_text(lines if "jsonl" in name else "id,data\n" + "".join(f"{i},{i * 60}\n" for i in ids))
    content = path.read_bytes()
    addition = (
        b"".join(content.splitlines(keepends=True)[1:500]) if name in {"rows.jsonl", "rows.csv"} else content
    )

    def overwrite() -> None:
        end = time.monotonic() + 60
        while server.requests["update"] < 50 and time.monotonic() < end:
            time.sleep(0.005)
        with path.open("r+b") as file:
            if change == "truncated":
                file.truncate(len(content) // 2)
            elif change == "longer":
                file.seek(0, 2)
                file.write(addition)
            else:
                file.write(b'\xff"\n' * (len(content) // 3))

    changing = threading.Thread(target=overwrite, daemon=True)
    changing.start()
    error = failed(lambda: run(path, max_concurrency=16))
    changing.join(60)
    assert error.reason in {"source", "failures"}
    assert error.report.done + error.report.missing >= 50
