"""Columns of CSV, Parquet and tables: each holds a field of a row, some of them as JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from airflow_provider_upstash_vector.bulk.sources.base import FAILURE_FIELD, InvalidJson, InvalidRows
from airflow_provider_upstash_vector.bulk.sources.field_names import (
    METADATA_PART,
    NOT_FIELDS,
    PATH_ROOT,
    TEMPLATE_PART,
    Fields,
)
from airflow_provider_upstash_vector.client import exact_json, literals

# Fields whose text is JSON.
JSON_FIELDS = frozenset({"vector", "sparse_vector", "metadata", PATH_ROOT})
_MAX_CHARACTERS = 200
# A number without leading zeros, true or false, or a list or an object; the exponent is as Python writes it.
_VALUE = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-][0-9]+)?|true|false|True|False|\[.*\]|\{.*\}", re.DOTALL
)


class Column(NamedTuple):
    """A column of the table: its position, its name, and the field of a row that it holds."""

    position: int
    name: str
    field: str


def used_columns(columns: Sequence[str], names: Fields) -> list[Column]:
    """Return the columns that hold fields of a row; ``names`` gives the field for a column.

    Raises :class:`InvalidRows` if none is the id, if two hold the same field, if one has almost the name of a
    field that no other holds, or if one of ``metadata_fields`` or a value of the template of ids is missing.
    """
    used: dict[tuple[str, str], Column] = {}
    held = names.held(columns)
    similar = {_normalized(name): field for name, field in names.items() if field not in held | NOT_FIELDS}
    for position, name in enumerate(columns):
        field = names.get(name)
        if field is None:
            if almost := similar.get(_normalized(name)):
                raise InvalidRows(f"column {name!r} is not used: rename it, or set {almost}_field to its name")
            # an index that pandas wrote has no name
            field = names.other if name else None
            if field and name == FAILURE_FIELD:  # it says which of the others are not what the row had
                field = FAILURE_FIELD
        if field:
            key = field, name if field in NOT_FIELDS else ""
            if key in used:
                raise InvalidRows(f"two columns hold the {key[1] or field}: {used[key].name} and {name}")
            used[key] = Column(position, name, field)
    _check_missing(columns, names, held)
    return list(used.values())


def _check_missing(columns: Sequence[str], names: Fields, held: set[str]) -> None:
    missing = [
        (name, option) for option in (TEMPLATE_PART, METADATA_PART) for name in names.missing(columns, option)
    ]
    if missing or "id" not in held:
        found = printable(", ".join(filter(None, columns))[:_MAX_CHARACTERS]) or "columns without a name"
        if "id" not in held and names.template is None:
            raise InvalidRows(f"there is no id column; found {found}")
        name, option = missing[0]
        raise InvalidRows(f"there is no column {name!r}, which {option} names; found {found}")


def _normalized(name: str) -> str:
    return name.strip().casefold().replace("-", "_")


def json_value(text: str, field: str) -> object:
    """Return the value of a field given as JSON or a Python literal, or :class:`InvalidJson`.

    Integers in metadata are exact.
    """
    try:
        value = orjson.loads(text)
        rounded = field in {"metadata", PATH_ROOT} and exact_json.may_be_rounded([value])
        return exact_json.loads_slowly(text) if rounded else value
    except ValueError as error:
        return _literal(text, f"is neither JSON nor a Python literal: {error}")


def _literal(text: str, reason: str) -> object:
    """Return the value of a Python literal, as ``DataFrame.to_csv`` writes them, or :class:`InvalidJson`."""
    try:
        return literals.loads(text)
    except ValueError:
        return InvalidJson(text, reason)


def metadata_value(text: str) -> object:
    """Return the value of a cell of CSV that is added to the metadata: text, unless it is plainly another."""
    if not _VALUE.fullmatch(text):
        return text
    try:
        return literals.loads(text)
    except ValueError:
        return text


def printable(text: str) -> str:
    """Return a text whose bytes that are not UTF-8 are escaped, with backslashes."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
