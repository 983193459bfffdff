"""How much memory the values of an Arrow array take one by one, before they are made."""

from __future__ import annotations

from typing import Any

from airflow_provider_upstash_vector.bulk.sources.extras import pyarrow


def size_of(values: Any) -> int:  # noqa: PLR0911 - one for each kind of type
    """Return the bytes of an array's values, those that it has only once counted each time; 0 for a list."""
    if isinstance(values, list):
        return 0  # they are in memory already
    types, compute = pyarrow().types, pyarrow().compute
    kind = values.type
    if isinstance(kind, pyarrow().BaseExtensionType):
        return size_of(values.storage)
    if types.is_dictionary(kind):
        if _is_text(types, kind.value_type):
            return compute.sum(_lengths(values.dictionary).take(values.indices)).as_py() or 0
        return size_of(values.dictionary.take(values.indices))
    if types.is_run_end_encoded(kind):
        begin, length = values.find_physical_offset(), values.find_physical_length()
        return size_of(values.values.slice(begin, length)) * len(values)
    if _is_text(types, kind):
        return compute.sum(_lengths(values)).as_py() or 0
    if types.is_struct(kind):
        return sum(size_of(values.field(position)) for position in range(kind.num_fields))
    if types.is_nested(kind) and hasattr(kind, "value_type"):
        return size_of(values.flatten())
    return int(values.nbytes)


def largest_dictionary_value(values: Any) -> int:
    """Return the bytes of the largest text in the dictionaries of an array and of those within it."""
    types, kind = pyarrow().types, values.type
    if types.is_dictionary(kind):
        return pyarrow().compute.max(_lengths(values.dictionary)).as_py() or 0
    if types.is_struct(kind):
        return max((largest_dictionary_value(values.field(n)) for n in range(kind.num_fields)), default=0)
    if types.is_map(kind):
        return max(largest_dictionary_value(values.keys), largest_dictionary_value(values.items))
    return largest_dictionary_value(values.values) if hasattr(kind, "value_type") else 0


def _is_text(types: Any, kind: Any) -> bool:
    plain = types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
    return bool(plain or types.is_large_binary(kind) or types.is_string_view(kind) or types.is_binary_view(kind))


def _lengths(values: Any) -> Any:
    arrow = pyarrow()
    if arrow.types.is_string_view(values.type):  # its lengths are not computed
        values = values.cast(arrow.large_string())
    elif arrow.types.is_binary_view(values.type):
        values = values.cast(arrow.large_binary())
    return arrow.compute.binary_length(values).cast(arrow.int64())
