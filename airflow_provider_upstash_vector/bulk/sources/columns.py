"""Columns of CSV, Parquet and tables: each holds a field of an update, some of them as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import InvalidJson, InvalidRows
from airflow_provider_upstash_vector.client import exact_json

# Fields whose text is JSON.
JSON_FIELDS = frozenset({"vector", "sparse_vector", "metadata"})
_MAX_CHARACTERS = 200


class Column(NamedTuple):
    """A column of the table: its position, its name, and the field of an update that it holds."""

    position: int
    name: str
    field: str


def used_columns(columns: Sequence[str], names: Mapping[str, str]) -> list[Column]:
    """Return the columns that hold fields of an update; ``names`` gives the field for a column.

    Raises :class:`InvalidRows` if none is the id, if two hold the same field, or if one has almost the name of a
    field that no other holds.
    """
    used: dict[str, Column] = {}
    similar = {_normalized(name): field for name, field in names.items()}
    misspelled: dict[str, str] = {}
    for position, name in enumerate(columns):
        field = names.get(name)
        if field is None:
            if almost := similar.get(_normalized(name)):
                misspelled[almost] = name
            continue
        if field in used:
            raise InvalidRows(f"two columns hold the {field}: {used[field].name} and {name}")
        used[field] = Column(position, name, field)
    for field in misspelled.keys() - used.keys():
        raise InvalidRows(f"column {misspelled[field]!r} is not used: rename it, or set {field}_field to its name")
    if "id" not in used:
        found = printable(", ".join(filter(None, columns))[:_MAX_CHARACTERS])
        raise InvalidRows(f"there is no id column; found {found or 'columns without a name'}")
    return list(used.values())


def _normalized(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


def json_value(text: str, field: str) -> object:
    """Return the value of a field given as JSON, integers in metadata exact, or :class:`InvalidJson`."""
    try:
        value = orjson.loads(text)
        rounded = field == "metadata" and exact_json.may_be_rounded([value])
        return exact_json.loads_slowly(text) if rounded else value
    except ValueError as error:
        return InvalidJson(text, f"is not JSON: {error}")


def printable(text: str) -> str:
    """Return a text whose bytes that are not UTF-8 are escaped, with backslashes."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
