"""Rows of Arrow record batches; vectors stay in Arrow's memory, as numpy views, until they are encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_upstash_vector.bulk.sources.arrow_scalars import (
    content_type,
    invalid_value,
    is_stored_as_itself,
    needs_scalars,
    python_value,
    unique,
)
from airflow_provider_upstash_vector.bulk.sources.arrow_sizes import size_of
from airflow_provider_upstash_vector.bulk.sources.base import (
    MAX_ROW_BYTES,
    PENDING,
    TOO_LARGE,
    Pending,
    Unreadable,
)
from airflow_provider_upstash_vector.bulk.sources.columns import JSON_FIELDS, Column, json_value, used_columns
from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow
from airflow_provider_upstash_vector.bulk.sources.field_names import METADATA_PART, NOT_FIELDS, Fields
from airflow_provider_upstash_vector.client.json_values import member
from airflow_provider_upstash_vector.client.validation import identifier

if TYPE_CHECKING:
    import pyarrow as pa

# The number of rows whose Python values are in memory at a time.
BATCH_ROWS = 1024


def rows(batches: Iterable[pa.RecordBatch | Pending], names: Fields) -> Iterator[object]:
    """Yield a mapping of the fields that are not null for each row, and each ``PENDING`` of ``batches``."""
    for batch in batches:
        if batch is PENDING:
            yield PENDING
        elif batch.num_rows:
            used = used_columns(batch.schema.names, names)
            yield from bounded_rows([(column, batch.column(column.position)) for column in used])


def bounded_rows(columns: Sequence[tuple[Column, Any]]) -> Iterator[object]:
    """Yield the rows of columns, which are arrays or lists; few at a time if they are large or one is invalid.

    A row that is larger than any can be is :class:`Unreadable`; a value that has no Python value, as text that is
    not UTF-8, is :class:`InvalidValue`.
    """
    length = len(columns[0][1])
    try:
        values = _converted(columns)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - one value is enough, and time zones have errors of their own
        values = [(column, [_cell(values, column)]) for column, values in columns] if length == 1 else None
    if values is not None:
        yield from rows_of(values)
    elif length == 1:
        yield Unreadable("", f"the row {TOO_LARGE}")
    else:
        for part in (slice(0, length // 2), slice(length // 2, length)):
            yield from bounded_rows([(column, values[part]) for column, values in columns])


def _converted(columns: Sequence[tuple[Column, Any]]) -> list[tuple[Column, list[Any]]] | None:
    """Return the Python values of columns, ``None`` if they take too much memory."""
    if sum(size_of(values) for _, values in columns) > MAX_ROW_BYTES:
        return None
    return [(column, values_of(values, column.field)) for column, values in columns]


def _cell(values: Any, column: Column) -> Any:
    """Return the only value of a column, or the :class:`InvalidValue` in its place."""
    try:
        return values_of(values, column.field)[0]
    except Exception:  # noqa: BLE001 - as above
        named = column.name if column.field in NOT_FIELDS else column.field
        place = f"metadata{member(column.name)}" if column.field == METADATA_PART else named
        return invalid_value(values[0], place)


def rows_of(columns: Sequence[tuple[Column, Sequence[Any]]]) -> Iterator[object]:
    """Yield a mapping of the fields that are not ``None`` for each row of columns that are equally long.

    A part of the metadata is kept: there, null is a value.
    """
    heads = [(name, field if field in {*JSON_FIELDS, METADATA_PART} else "") for (_, name, field), _ in columns]
    for values in zip(*(values for _, values in columns), strict=True):
        yield _row(heads, values)


def _row(heads: list[tuple[str, str]], values: tuple[Any, ...]) -> object:
    row: dict[str, object] = {}
    for (name, field), value in zip(heads, values, strict=True):
        if value is not None:
            is_json = field and field != METADATA_PART and isinstance(value, str)
            row[name] = json_value(value, field) if is_json else value
        elif field == METADATA_PART:
            row[name] = None
    return row


def values_of(column: Any, field: str) -> list[Any]:
    """Return what each row has in a column: numpy views of a vector, Python values of any other field."""
    if isinstance(column, list):
        return column
    arrow = pyarrow()
    if field in {"id", "namespace"} and _is_number_or_uuid(arrow, column.type):
        return [None if value is None else identifier(value, field) for value in column.to_pylist()]
    if isinstance(column.type, arrow.BaseExtensionType) and is_stored_as_itself(column.type):
        column = column.storage
    kind = column.type
    if field == "vector" and _is_vector(arrow, kind):
        return _vectors(arrow, column)
    if field == "sparse_vector" and arrow.types.is_struct(kind):
        return _sparse_vectors(column)
    if needs_scalars(kind):
        return [python_value(scalar) for scalar in column]
    values: list[Any] = column.to_pylist()
    plain = _plain(arrow, kind)
    return values if plain is None else [None if value is None else plain(value) for value in values]


def _is_number_or_uuid(arrow: Any, kind: Any) -> bool:
    value_type = kind.value_type if arrow.types.is_dictionary(kind) else kind
    return arrow.types.is_integer(value_type) or getattr(kind, "extension_name", "") == "arrow.uuid"


def _is_vector(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    if not (types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)):
        return False
    return bool(types.is_floating(kind.value_type) or types.is_integer(kind.value_type))


def _vectors(arrow: Any, column: Any) -> list[Any]:
    """Return the slice of numbers for each row; a null becomes NaN, which is rejected."""
    if arrow.types.is_fixed_size_list(column.type):
        size = column.type.list_size
        numbers = _numbers(column.values, column.offset * size, len(column) * size)
        vectors = list(numbers.reshape(len(column), size))
    else:
        offsets = column.offsets.to_pylist()
        numbers = _numbers(column.values, offsets[0], offsets[-1] - offsets[0])
        vectors = [numbers[begin - offsets[0] : end - offsets[0]] for begin, end in pairwise(offsets)]
    return _with_nulls(column, vectors)


def _numbers(values: Any, begin: int, count: int) -> Any:
    import numpy as np  # noqa: PLC0415 - as pyarrow

    numbers = values.slice(begin, count)
    # to_numpy copies, and imports pandas, which takes seconds
    return numbers.to_numpy(zero_copy_only=False) if numbers.null_count else np.from_dlpack(numbers)


def _sparse_vectors(column: Any) -> list[Any]:
    positions = range(column.type.num_fields)
    names = [column.type.field(position).name for position in positions]
    parts = [values_of(column.field(position), "vector") for position in positions]
    structs = [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*parts, strict=True)
    ]
    return _with_nulls(column, structs)


def _with_nulls(column: Any, values: list[Any]) -> list[Any]:
    if not column.null_count:
        return values
    nulls = column.is_null().to_pylist()
    return [None if null else value for value, null in zip(values, nulls, strict=True)]


def _plain(arrow: Any, kind: Any) -> Callable[[Any], Any] | None:
    """Return the conversion from Arrow's Python values to JSON's, or ``None`` if they are the same.

    A struct loses its nulls: every row has all its fields, so null can only mean absent. A map keeps them.
    """
    types, kind = arrow.types, content_type(kind)
    if types.is_floating(kind) and not types.is_float64(kind):
        convert: Callable[[Any], Any] = kind.to_pandas_dtype()  # numpy's type, which shows as few digits as it has
        return convert
    if types.is_struct(kind):
        parts = {part.name: _plain(arrow, part.type) for part in map(kind.field, range(kind.num_fields))}
        return lambda value: {
            name: part if (plain := parts[name]) is None else plain(part)
            for name, part in value.items()
            if part is not None
        }
    if types.is_map(kind):
        plain_item = _plain(arrow, kind.item_type) or _same
        return lambda value: unique([(name, None if item is None else plain_item(item)) for name, item in value])
    element_type = getattr(kind, "value_type", None) if types.is_nested(kind) else None
    if element_type is not None:
        plain_element = _plain(arrow, element_type)
        if plain_element is not None:
            return lambda value: [None if element is None else plain_element(element) for element in value]
    return None


def _same(value: Any) -> Any:
    return value
