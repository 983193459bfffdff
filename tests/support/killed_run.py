"""A bulk run to be killed: ``… -m tests.support.killed_run OPERATION URL ROWS CHECKPOINT KIND [RATE [BUDGET]]``.

Prints its report. ``ROWS`` is a JSON Lines file, from which rows of every other kind are made.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint

BATCH_ROWS, PAUSE_SECONDS = 200, 0.03
MAX_ROWS = 5  # of an upsert request
MAX_IN_FLIGHT = 64


def all_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def generator(path: Path) -> Iterator[dict[str, Any]]:
    """Yield rows with a pause before each batch."""
    for number, row in enumerate(all_rows(path)):
        if number % BATCH_ROWS == 0:
            time.sleep(PAUSE_SECONDS)
        yield row


def cursor(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a database cursor, with a pause before each batch."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE rows (id TEXT, data TEXT)")
    database.executemany("INSERT INTO rows VALUES (:id, :data)", all_rows(path))
    found = database.execute("SELECT id, data FROM rows ORDER BY rowid")
    while batch := found.fetchmany(BATCH_ROWS):
        time.sleep(PAUSE_SECONDS)
        for id, data in batch:
            yield {"id": id, "data": data}


# Libraries that few kinds need are imported then: a run is started many times.


def written(path: Path, suffix: str, write: Callable[[Path], object]) -> Path:
    """Return a file beside ``path``, which is written once."""
    target = path.with_suffix(suffix)
    if not target.exists():
        write(target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
    return target


def csv(path: Path) -> Path:
    lines = ["id,data", *(f"{row['id']},{row['data']}" for row in all_rows(path))]
    return written(path, ".csv", lambda target: target.write_text("\n".join(lines)))


def parquet_file(path: Path) -> Path:
    parquet = import_module("pyarrow.parquet")
    return written(path, ".parquet", lambda target: parquet.write_table(arrow(path), target, row_group_size=400))


def arrow(path: Path) -> object:
    return import_module("pyarrow").Table.from_pylist(all_rows(path))


def frame(path: Path) -> object:
    return import_module("pandas").DataFrame(all_rows(path))


def pipe(path: Path) -> Path:
    """Return a pipe into which a producer writes all rows again, slowly."""
    reading, writing = os.pipe()

    def produce() -> None:
        with os.fdopen(writing, "wb", 0) as out:
            for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
                if number % BATCH_ROWS == 0:
                    time.sleep(PAUSE_SECONDS)
                out.write(line)

    threading.Thread(target=produce, daemon=True).start()
    return Path(f"/dev/fd/{reading}")


KINDS: dict[str, Callable[[Path], object]] = {
    "jsonl": lambda path: path,
    "csv": csv,
    "parquet": parquet_file,
    "pipe": pipe,
    "generator": generator,
    "cursor": cursor,
    "list": all_rows,
    "frame": frame,
    "arrow": arrow,
}


def main(
    operation: str,
    url: str,
    rows: str,
    checkpoint: str,
    kind: str,
    rate: str | None = None,
    budget: str | None = None,
) -> None:
    """Run once."""
    batches = {"max_rows_per_request": MAX_ROWS} if operation == "upsert" else {}
    report = getattr(bulk, operation)(
        KINDS[kind](Path(rows)),
        Endpoint.of(url, "token"),
        checkpoint=checkpoint,
        check_index=False,
        max_concurrency=MAX_IN_FLIGHT,
        format="jsonl" if kind == "pipe" else None,
        max_rows_per_second=float(rate) if rate else None,
        daily_budget=int(budget) if budget else None,
        progress="none",
        **batches,
    )
    sys.stdout.write(json.dumps(report.to_dict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
