"""Rows of Arrow record batches; vectors stay in Arrow's memory, as numpy views, until they are encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

_JSON_FIELDS = {"vector", "sparse_vector", "metadata"}


def pyarrow() -> Any:
    """Return the pyarrow module; raises :class:`InvalidRows` that says how to install it."""
    try:
        import pyarrow  # noqa: ICN001, PLC0415 - an extra
    except ImportError:
        raise InvalidRows(
            "Parquet files and DataFrames need pyarrow: pip install 'airflow-provider-upstash-vector[parquet]'"
        ) from None
    return pyarrow


def used_columns(schema: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """Return the columns that hold fields of an update; raises :class:`InvalidRows` where none is the id."""
    columns = [column for column in schema if column in names]
    if "id" not in {names[column] for column in columns}:
        raise InvalidRows(f"there is no id column, only {', '.join(schema)[:200]}")
    return columns


def rows(batches: Iterable[pa.RecordBatch], names: Mapping[str, str]) -> Iterator[object]:
    """Yield a mapping of the fields that are not null for each row."""
    for batch in batches:
        columns = [
            (name, names[name], _values(batch.column(name), names[name]))
            for name in used_columns(batch.schema.names, names)
        ]
        for position in range(batch.num_rows):
            yield _row(columns, position)


def _row(columns: list[tuple[str, str, Any]], position: int) -> object:
    row: dict[str, object] = {}
    for name, field, values in columns:
        value = values[position]
        if value is None:
            continue
        if isinstance(value, str) and field in _JSON_FIELDS:
            try:
                value = orjson.loads(value)
            except ValueError as error:
                return Unreadable(value[:200], f"{name} is not JSON: {error}")
        row[name] = value
    return row


def _values(column: pa.Array, field: str) -> Any:
    """Return what is indexed by row: numpy views of a vector column, Python values of any other."""
    arrow = pyarrow()
    if isinstance(column.type, arrow.BaseExtensionType):
        column = column.storage
    kind = column.type
    if arrow.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if field == "vector" and _is_list(arrow, kind) and _is_number(arrow, kind.value_type):
        return _vectors(arrow, column)
    if field == "id" and arrow.types.is_integer(kind):
        column = column.cast(arrow.string())  # exact, unlike a number of JSON
    values = column.to_pylist()
    if field == "metadata" and arrow.types.is_map(kind):
        return [None if value is None else dict(value) for value in values]
    if arrow.types.is_struct(kind):
        return [_given(value) for value in values]
    return values


def _is_list(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_number(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_floating(kind) or arrow.types.is_integer(kind))


def _vectors(arrow: Any, column: Any) -> list[Any]:
    nulls = column.is_null().to_pylist() if column.null_count else None
    numbers = column.values.to_numpy(zero_copy_only=False)  # a null among them becomes NaN, which is refused
    if arrow.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        matrix = numbers.reshape(-1, size)[column.offset : column.offset + len(column)]
        vectors = list(matrix)
    else:
        offsets = column.offsets.to_pylist()
        vectors = [numbers[start:end] for start, end in pairwise(offsets)]
    if nulls is None:
        return vectors
    return [None if null else vector for vector, null in zip(vectors, nulls, strict=True)]


def _given(value: Any) -> Any:
    """Return a struct without its nulls: each row has all of its fields, so that null can but mean absent."""
    if isinstance(value, dict):
        return {name: _given(part) for name, part in value.items() if part is not None}
    return value
