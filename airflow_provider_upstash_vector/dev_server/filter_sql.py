"""Filters as SQLite conditions on the column ``metadata``; every value and path is a bound parameter.

Except for ``HAS NOT FIELD``, a condition, negated or not, is true only if the field exists: this is assumed, since
the documentation does not define ``!=`` for a missing field. ``true`` equals ``1``, and ``false`` equals ``0``.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_upstash_vector.dev_server.filter_language import AllOf, Condition, Filter, Literal

_TYPE = "json_type(metadata, ?)"
_VALUE = "json_extract(metadata, ?)"
_NUMERIC = "('integer', 'real')"
_NUMERIC_OR_BOOLEAN = "('integer', 'real', 'true', 'false')"


@dataclass(frozen=True, slots=True)
class Where:
    """An SQL expression with ``?`` placeholders, and their values."""

    sql: str
    parameters: tuple[Literal | bytes, ...]


def where(tree: Filter) -> Where:
    """Return the SQL condition of a parsed filter."""
    if isinstance(tree, Condition):
        return _condition(tree)
    parts = [where(part) for part in tree.parts]
    word = " AND " if isinstance(tree, AllOf) else " OR "
    return Where(f"({word.join(part.sql for part in parts)})", _parameters(parts))


def _parameters(parts: list[Where]) -> tuple[Literal | bytes, ...]:
    return tuple(parameter for part in parts for parameter in part.parameters)


def _condition(condition: Condition) -> Where:
    path = condition.path
    if condition.operator == "HAS":
        return Where(f"{_TYPE} IS {'' if condition.negated else 'NOT '}NULL", (path,))
    if condition.operator == "GLOB":
        word = "NOT GLOB" if condition.negated else "GLOB"
        return Where(f"({_TYPE} = 'text' AND {_VALUE} {word} ?)", (path, path, *condition.operands))
    if condition.operator == "CONTAINS":
        return _contains(condition)
    if condition.operator in {"=", "!=", "IN"}:
        equal = [_equal(path, operand) for operand in condition.operands]
        any_equal = Where(f"({' OR '.join(part.sql for part in equal)})", _parameters(equal))
        if condition.negated or condition.operator == "!=":
            return Where(f"({_TYPE} IS NOT NULL AND NOT {any_equal.sql})", (path, *any_equal.parameters))
        return any_equal
    return Where(f"({_TYPE} IN {_NUMERIC} AND {_VALUE} {condition.operator} ?)", (path, path, *condition.operands))


def _equal(path: str, operand: Literal) -> Where:
    types = "('text')" if isinstance(operand, str) else _NUMERIC_OR_BOOLEAN
    return Where(f"(coalesce({_TYPE}, '') IN {types} AND {_VALUE} = ?)", (path, path, operand))


def _contains(condition: Condition) -> Where:
    (operand,) = condition.operands
    types = "('text')" if isinstance(operand, str) else _NUMERIC_OR_BOOLEAN
    element = f"SELECT 1 FROM json_each(metadata, ?) WHERE type IN {types} AND atom = ?"  # noqa: S608 - constants
    word = "NOT EXISTS" if condition.negated else "EXISTS"
    return Where(f"({_TYPE} = 'array' AND {word} ({element}))", (condition.path, condition.path, operand))
