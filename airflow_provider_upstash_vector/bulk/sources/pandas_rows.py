"""Rows of a pandas DataFrame, of any pandas version; Python objects in its cells are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.arrow_rows import BATCH_ROWS, pyarrow, rows_of, values_of
from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.columns import JSON_FIELDS, Column, used_columns


def is_pandas(rows: object) -> bool:
    """Return whether ``rows`` is a DataFrame of pandas."""
    kinds = type(rows).__mro__
    return any(kind.__name__ == "DataFrame" and kind.__module__.split(".")[0] == "pandas" for kind in kinds)


class PandasTable:
    """The columns of a frame that hold fields of an update; a level of its index may be one."""

    def __init__(self, frame: Any, names: Mapping[str, str]) -> None:
        index = frame.index
        levels = ["" if name is None else str(name) for name in index.names]
        used = used_columns([*levels, *map(str, frame.columns)], names)
        self._columns = [
            (
                column,
                index.get_level_values(column.position).to_series()
                if column.position < len(levels)
                else frame.iloc[:, column.position - len(levels)],
            )
            for column in used
        ]
        self.length = len(frame)

    def rows(self, begin: int, end: int) -> Iterator[object]:
        """Yield the rows of a part."""
        for first in range(begin, end, BATCH_ROWS):
            part = slice(first, min(end, first + BATCH_ROWS))
            yield from rows_of([(column, _values(series.iloc[part], column)) for column, series in self._columns])


def _values(series: Any, column: Column) -> list[Any]:
    if series.dtype == object and column.field in JSON_FIELDS:
        return [None if null else value for value, null in zip(series, series.isna(), strict=True)]
    arrow = pyarrow()
    try:
        array = arrow.Array.from_pandas(series)
    except (arrow.ArrowException, TypeError) as error:
        raise InvalidRows(f"column {column.name} cannot be read: {error}") from error
    chunks = array.chunks if isinstance(array, arrow.ChunkedArray) else [array]
    return [value for chunk in chunks for value in values_of(chunk, column.field)]
