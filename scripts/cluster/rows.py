"""The rows of the three runs, and the vectors that the index has after each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.client import VectorClient

SHARDS, ROWS_A_SHARD = 8, 10_000
ROWS = SHARDS * ROWS_A_SHARD
FINGERPRINT = "_fp"  # the metadata that syncs add

Row = Mapping[str, Any]


def prefix(shard: int) -> str:
    """Return what the ids of a shard begin with."""
    return f"s{shard}/"


def loaded(size: int = ROWS_A_SHARD) -> Iterator[Row]:
    """Yield whole vectors."""
    for shard in range(SHARDS):
        for number in range(size):
            metadata = {"number": number}
            yield {"id": f"{prefix(shard)}{number}", "vector": [number + 1.0, shard + 1.0], "metadata": metadata}


def updated(size: int = ROWS_A_SHARD) -> Iterator[Row]:
    """Yield the loaded vectors with other metadata."""
    for row in loaded(size):
        yield {**row, "metadata": {**row["metadata"], "updated": True}}


def changes(size: int = ROWS_A_SHARD) -> Iterator[Row]:
    """Yield one update of each vector: two of the same vector could lose their order in different shards."""
    for row in updated(size):
        yield {"id": row["id"], "metadata": row["metadata"]}


def synced(size: int = ROWS_A_SHARD) -> Iterator[Row]:
    """Yield the updated vectors: of ten, one is gone, one has another vector, one other metadata; some are new."""
    for place, row in enumerate(updated(size)):
        match place % size % 10:
            case 1:
                continue
            case 2:
                yield {**row, "vector": [1.0, 0.0]}
            case 3:
                yield {**row, "metadata": {"synced": True}}
            case _:
                yield row
    for shard in range(SHARDS):
        for number in range(size // 20):
            yield {"id": f"{prefix(shard)}new-{number}", "vector": [0.0, 1.0], "metadata": {"number": number}}


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON Lines."""
    with path.open("w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def write_sources(folder: Path, size: int = ROWS_A_SHARD) -> None:
    """Write the file of the load, that of the update, and one of the sync for each prefix."""
    write(folder / "load.jsonl", loaded(size))
    write(folder / "update.jsonl", changes(size))
    rows = [*synced(size)]
    for shard in range(SHARDS):
        write(folder / f"sync-{shard}.jsonl", (row for row in rows if row["id"].startswith(prefix(shard))))


def find_difference(client: VectorClient, rows: Callable[[], Iterable[Row]]) -> str | None:
    """Compare each vector of the index with the rows; return the first difference, ``None`` if there is none."""
    expected = {row["id"]: (row["vector"], row["metadata"]) for row in rows()}
    for found in client.range(include_vectors=True, include_metadata=True, page_size=1_000):
        stored = {name: value for name, value in (found.metadata or {}).items() if name != FINGERPRINT}
        wanted = expected.pop(found.id, None)
        if wanted != (found.vector, stored):
            return f"{found.id} is {found.vector} {stored}, expected {wanted}"
    return f"{len(expected):,} vectors are missing, such as {next(iter(expected))}" if expected else None
