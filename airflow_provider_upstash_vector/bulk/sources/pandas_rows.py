"""Rows of a pandas DataFrame, of any pandas version; Python objects in its cells are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.arrow_rows import BATCH_ROWS, bounded_rows
from airflow_provider_upstash_vector.bulk.sources.columns import used_columns
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.field_names import Fields


def is_pandas(rows: object) -> bool:
    """Return whether ``rows`` is a DataFrame of pandas."""
    kinds = type(rows).__mro__
    return any(kind.__name__ == "DataFrame" and kind.__module__.split(".")[0] == "pandas" for kind in kinds)


class PandasTable:
    """The columns of a frame that hold fields of a row; a level of its index may be one."""

    def __init__(self, frame: Any, names: Fields) -> None:
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
            yield from bounded_rows([(column, _values(series.iloc[part])) for column, series in self._columns])


def _values(series: Any) -> Any:
    """Return an Arrow array, or a list of the Python objects that a column holds."""
    # of a category, the type of its values: Arrow makes bytes of text and bytes
    dtype = getattr(getattr(series.dtype, "categories", series), "dtype", None)
    if dtype == object or getattr(series.dtype, "storage", "") == "python":  # noqa: E721 - a dtype
        return _objects(series)
    arrow = pyarrow()
    try:
        array = arrow.Array.from_pandas(series)
    except (arrow.ArrowException, TypeError):  # for example a category of text and numbers
        return _objects(series)
    return array.combine_chunks() if isinstance(array, arrow.ChunkedArray) else array


def _objects(series: Any) -> list[Any]:
    return [None if null else value for value, null in zip(series, series.isna(), strict=True)]
