"""What the columns of CSV, Parquet and tables hold: fields of an update, some of them as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows, Unreadable

# Fields that a text stands for as JSON.
JSON_FIELDS = frozenset({"vector", "sparse_vector", "metadata"})
_MOST_CHARACTERS = 200


class Column(NamedTuple):
    """A column of the table: where it is, what it is called, and the field of an update that it holds."""

    position: int
    name: str
    field: str


def used_columns(columns: Sequence[str], names: Mapping[str, str]) -> list[Column]:
    """Return the columns that hold fields of an update; ``names`` gives the field for a column.

    Raises :class:`InvalidRows` where none is the id, or two hold the same field.
    """
    used: dict[str, Column] = {}
    for position, name in enumerate(columns):
        field = names.get(name)
        if field is None:
            continue
        if field in used:
            raise InvalidRows(f"two columns hold the {field}: {used[field].name} and {name}")
        used[field] = Column(position, name, field)
    if "id" not in used:
        found = shortened(", ".join(filter(None, columns)))
        raise InvalidRows(f"there is no id column, only {found or 'columns without a name'}")
    return list(used.values())


def json_value(text: str, column: str) -> object:
    """Return the value of a text that is to be JSON, or :class:`Unreadable`."""
    try:
        return orjson.loads(text)
    except ValueError as error:
        return Unreadable(shortened(text), f"{column} is not JSON: {error}")


def shortened(text: str) -> str:
    """Return the first 200 characters; bytes that were no UTF-8 become replacement characters."""
    return text[:_MOST_CHARACTERS].encode(errors="surrogateescape").decode(errors="replace")
