"""Filter expressions, built from Python values with correct quoting.

    Field("genre") == "it's"                        genre = "it's"
    (Field("year") >= 1990) & (Field("a") != 1)     there is no NOT: every operator has its opposite
    Field("tags").contains("new") | Field("a.b[0]").isin([1, 2])

The syntax is that of the Metadata Filtering page. It has no escapes in strings, so a text with both kinds of
quotes raises :class:`InvalidRequest`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from numbers import Integral, Real
from typing import NoReturn

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest

# A name, then names and array indices; [#-1] is the last element.
_FIELD = re.compile(r"[a-zA-Z_][a-zA-Z_0-9-]*(\.[a-zA-Z_][a-zA-Z_0-9-]*|\[(\d+|#-\d+)\])*", re.ASCII)
_EXACT_INTEGERS = 2**53
_KEYWORDS = {"and", "or", "not", "in", "glob", "contains", "has", "field", "true", "false"}

_Literal = str | float | int | bool


class Filter:
    """A filter expression, built with :class:`Field` and combined with ``&`` and ``|``; ``str()`` is its text."""

    def __init__(self, text: str, *, joined_by: str = "") -> None:
        self._text = text
        self._joined_by = joined_by

    def _within(self, word: str) -> str:
        return self._text if self._joined_by in {"", word} else f"({self._text})"

    def __and__(self, other: Filter) -> Filter:
        return self._join(other, "AND")

    def __or__(self, other: Filter) -> Filter:
        return self._join(other, "OR")

    def _join(self, other: Filter, word: str) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter(f"{self._within(word)} {word} {other._within(word)}", joined_by=word)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Filter({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> NoReturn:
        raise TypeError("combine filters with & and |, not with and, or, not")


class Field:
    """A field of the metadata: a name, ``a.b`` within an object, ``a[0]`` or ``a[#-1]`` within an array.

    Comparisons return a :class:`Filter`. Raises :class:`InvalidRequest` for an invalid name or value.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not _FIELD.fullmatch(name) or name.lower() in _KEYWORDS:
            raise InvalidRequest(
                "filter", f"{name!r} is not a valid field name; examples are a, a.b, a[0] and a[#-1]"
            )
        self._name = name

    def __eq__(self, value: _Literal) -> Filter:  # type: ignore[override]  # builds an expression
        return self._compare("=", _literal(value))

    def __ne__(self, value: _Literal) -> Filter:  # type: ignore[override]  # builds an expression
        return self._compare("!=", _literal(value))

    def __lt__(self, value: float) -> Filter:
        return self._compare("<", _number(value))

    def __le__(self, value: float) -> Filter:
        return self._compare("<=", _number(value))

    def __gt__(self, value: float) -> Filter:
        return self._compare(">", _number(value))

    def __ge__(self, value: float) -> Filter:
        return self._compare(">=", _number(value))

    __hash__ = None  # type: ignore[assignment]  # equality builds an expression

    def isin(self, values: Iterable[_Literal]) -> Filter:
        """Match if the field equals one of ``values``."""
        return self._compare("IN", _literals(values))

    def not_in(self, values: Iterable[_Literal]) -> Filter:
        """Match if the field equals none of ``values``."""
        return self._compare("NOT IN", _literals(values))

    def glob(self, pattern: str) -> Filter:
        """Match if the text matches a pattern of ``*``, ``?``, ``[abc]`` and ``[^a-z]``; case-sensitive."""
        return self._compare("GLOB", _text(pattern))

    def not_glob(self, pattern: str) -> Filter:
        """Match if the text does not match a pattern."""
        return self._compare("NOT GLOB", _text(pattern))

    def contains(self, value: _Literal) -> Filter:
        """Match if the array contains ``value``."""
        return self._compare("CONTAINS", _literal(value))

    def not_contains(self, value: _Literal) -> Filter:
        """Match if the array does not contain ``value``."""
        return self._compare("NOT CONTAINS", _literal(value))

    def exists(self) -> Filter:
        """Match if the metadata has the field."""
        return Filter(f"HAS FIELD {self._name}")

    def missing(self) -> Filter:
        """Match if the metadata does not have the field."""
        return Filter(f"HAS NOT FIELD {self._name}")

    def _compare(self, operator: str, operand: str) -> Filter:
        return Filter(f"{self._name} {operator} {operand}")


def filter_text(filter: str | Filter) -> str:
    """Return the text of a filter, which may be text already."""
    if not isinstance(filter, str | Filter):
        raise InvalidRequest("filter", f"must be text or a Filter, got {type(filter).__name__}")
    return str(filter)


def _literals(values: Iterable[_Literal]) -> str:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidRequest("filter", f"must be a list of values, got {validation.shown(values)}")
    literals = [_literal(value) for value in values]
    if not literals:
        raise InvalidRequest("filter", "the list of values must not be empty")
    return f"({', '.join(literals)})"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else _number(value)


def _text(value: object) -> str:
    text = validation.text(value, "filter")
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise InvalidRequest("filter", f"a text must not contain both ' and \": {text[:60]!r}")


def _number(value: object) -> str:
    number = _finite(value)
    if number is None:
        raise InvalidRequest(
            "filter", f"must be text, a finite number or a boolean, got {validation.shown(value)}"
        )
    if isinstance(value, Integral):
        return str(int(value))
    if abs(number) >= _EXACT_INTEGERS:  # the shortest decimal form would be another whole number
        return str(int(number))
    return format(Decimal(repr(number)), "f")  # without an exponent, which the syntax may not have


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
