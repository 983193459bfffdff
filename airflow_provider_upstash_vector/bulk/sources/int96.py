"""Parquet's INT96 timestamps, as Spark writes them: read in a unit in which none wraps round.

They are days and nanoseconds of the day, and Arrow has 64 bits: in nanoseconds from the year 1678 to 2262, in
microseconds some 292,000 years, in milliseconds more than an INT96 has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.parquet_sizes import leaves

_MAX_MILLISECONDS: Final = {"ns": 2**63 // 10**6 - 1, "us": 2**63 // 10**3 - 1}


def int96_columns(file: Any, columns: list[str]) -> list[str]:
    """Return the columns of an open ``parquet.ParquetFile`` that have such timestamps, at any depth."""
    within = {name for _, leaf, names in leaves(file) if leaf.physical_type == "INT96" for name in names}
    return [name for name in columns if name in within]


def exact_batches(
    open_in: Callable[[str], Any], int96: list[str], rows: int, *, group: int, columns: list[str]
) -> Iterator[Any]:
    """Yield the batches of a row group in the finest unit that holds its timestamps.

    ``open_in`` opens the file with timestamps in a unit. One that only milliseconds hold is in a batch of its own,
    with a date that is far beyond the year 9999.
    """
    wanted = {"row_groups": [group], "columns": columns}
    for unit in _MAX_MILLISECONDS:
        coarse = open_in("ms").iter_batches(rows, row_groups=[group], columns=int96)
        if all(_fit(batch, unit) for batch in coarse):
            yield from open_in(unit).iter_batches(rows, **wanted)
            return
    fine = open_in("us").iter_batches(rows, **wanted)
    for batch, coarse in zip(fine, open_in("ms").iter_batches(rows, **wanted), strict=True):
        yield from _parts(batch, coarse)


def _parts(batch: Any, coarse: Any) -> Iterator[Any]:
    length = batch.num_rows
    if _fit(coarse, "us"):
        yield batch
    elif length == 1:
        yield coarse
    else:
        for begin, end in ((0, length // 2), (length // 2, length)):
            yield from _parts(batch.slice(begin, end - begin), coarse.slice(begin, end - begin))


def _fit(batch: Any, unit: str) -> bool:
    """Return whether a unit holds the timestamps of a batch that was read in milliseconds."""
    compute, limit = pyarrow().compute, _MAX_MILLISECONDS[unit]
    for timestamps in (leaf for column in batch.columns for leaf in _timestamps(column)):
        bounds = compute.min_max(timestamps.cast("int64"))
        low, high = bounds["min"].as_py() or 0, bounds["max"].as_py() or 0
        if low < -limit or high > limit:
            return False
    return True


def _timestamps(values: Any) -> Iterator[Any]:
    types, kind = pyarrow().types, values.type
    if types.is_timestamp(kind):
        yield values
    elif types.is_struct(kind):
        for position in range(kind.num_fields):
            yield from _timestamps(values.field(position))
    elif types.is_map(kind):
        yield from _timestamps(values.keys)
        yield from _timestamps(values.items)
    elif types.is_nested(kind):
        yield from _timestamps(values.flatten())
