"""Filter expressions, built from Python values with correct quoting.

    Field("genre") == "it's"                        genre = "it's"
    (Field("year") >= 1990) & (Field("a") != 1)     there is no NOT: every operator has its opposite
    Field("tags").contains("new") | Field("a.b[0]").isin([1, 2])

The syntax is that of the Metadata Filtering page. It has no escapes in strings, so a text with both kinds of
quotes raises :class:`InvalidRequest`.
"""

from __future__ import annotations

import math
import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, NoReturn

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.stored_values import (
    MISSING,
    field_value,
    glob_pattern,
    is_number,
    stored_number,
)

# A name, then names and array indices; [#-1] is the last element.
_FIELD = re.compile(r"[a-zA-Z_][a-zA-Z_0-9-]*(\.[a-zA-Z_][a-zA-Z_0-9-]*|\[(\d+|#-\d+)\])*", re.ASCII)
_EXACT_INTEGERS = 2**53
_KEYWORDS = {"and", "or", "not", "in", "glob", "contains", "has", "field", "true", "false"}

_Value = str | float | int | bool


class Filter(ABC):
    """A filter expression, built with :class:`Field` and combined with ``&`` and ``|``; ``str()`` is its text."""

    @abstractmethod
    def matches(self, metadata: Mapping[str, Any] | None) -> bool:
        """Return whether a vector with this metadata matches, as the service decides it.

        A condition on a field that is missing, negated or not, is false, except for ``missing()``: it is assumed,
        since the documentation does not define ``!=`` for one. ``true`` equals 1, and ``false`` equals 0.
        """

    def __and__(self, other: Filter) -> Filter:
        return self._join(other, "AND")

    def __or__(self, other: Filter) -> Filter:
        return self._join(other, "OR")

    def _join(self, other: Filter, word: Literal["AND", "OR"]) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return _Joined(word, (*self._parts(word), *other._parts(word)))

    def _parts(self, word: str) -> tuple[Filter, ...]:  # noqa: ARG002 - others are joined
        return (self,)

    def __repr__(self) -> str:
        return f"Filter({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __bool__(self) -> NoReturn:
        raise TypeError("combine filters with & and |, not with and, or, not")


class _Joined(Filter):
    """True if all parts are, or any part is."""

    def __init__(self, word: Literal["AND", "OR"], parts: tuple[Filter, ...]) -> None:
        self._word = word
        self._all_parts = parts

    def _parts(self, word: str) -> tuple[Filter, ...]:
        return self._all_parts if word == self._word else (self,)

    def __str__(self) -> str:
        texts = (f"({part})" if isinstance(part, _Joined) else str(part) for part in self._all_parts)
        return f" {self._word} ".join(texts)

    def matches(self, metadata: Mapping[str, Any] | None) -> bool:
        test = all if self._word == "AND" else any
        return test(part.matches(metadata) for part in self._all_parts)


class _Condition(Filter):
    """One condition: its text, and a test of the field's value, which is ``MISSING`` if there is none."""

    def __init__(self, text: str, name: str, test: Callable[[Any], bool]) -> None:
        self._text = text
        self._name = name
        self._test = test

    def __str__(self) -> str:
        return self._text

    def matches(self, metadata: Mapping[str, Any] | None) -> bool:
        return self._test(field_value(metadata, self._name))


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

    def __eq__(self, value: _Value) -> Filter:  # type: ignore[override]  # builds an expression
        operand = _literal(value)
        return self._compare("=", operand.text, operand.equals)

    def __ne__(self, value: _Value) -> Filter:  # type: ignore[override]  # builds an expression
        operand = _literal(value)
        return self._compare("!=", operand.text, lambda found: found is not MISSING and not operand.equals(found))

    def __lt__(self, value: float) -> Filter:
        return self._order("<", value, operator.lt)

    def __le__(self, value: float) -> Filter:
        return self._order("<=", value, operator.le)

    def __gt__(self, value: float) -> Filter:
        return self._order(">", value, operator.gt)

    def __ge__(self, value: float) -> Filter:
        return self._order(">=", value, operator.ge)

    __hash__ = None  # type: ignore[assignment]  # equality builds an expression

    def isin(self, values: Iterable[_Value]) -> Filter:
        """Match if the field equals one of ``values``."""
        operands = _literals(values)
        return self._compare("IN", _listed(operands), lambda found: any(one.equals(found) for one in operands))

    def not_in(self, values: Iterable[_Value]) -> Filter:
        """Match if the field equals none of ``values``."""
        operands = _literals(values)
        return self._compare(
            "NOT IN",
            _listed(operands),
            lambda found: found is not MISSING and not any(one.equals(found) for one in operands),
        )

    def glob(self, pattern: str) -> Filter:
        """Match if the text matches a pattern of ``*``, ``?``, ``[abc]`` and ``[^a-z]``; case-sensitive."""
        operand, glob = _text(pattern), glob_pattern(str(pattern))
        return self._compare(
            "GLOB", operand.text, lambda found: isinstance(found, str) and glob.fullmatch(found) is not None
        )

    def not_glob(self, pattern: str) -> Filter:
        """Match if the text does not match a pattern."""
        operand, glob = _text(pattern), glob_pattern(str(pattern))
        return self._compare(
            "NOT GLOB", operand.text, lambda found: isinstance(found, str) and glob.fullmatch(found) is None
        )

    def contains(self, value: _Value) -> Filter:
        """Match if the array contains ``value``."""
        operand = _literal(value)
        return self._compare(
            "CONTAINS", operand.text, lambda found: isinstance(found, list) and any(map(operand.equals, found))
        )

    def not_contains(self, value: _Value) -> Filter:
        """Match if the array does not contain ``value``."""
        operand = _literal(value)
        return self._compare(
            "NOT CONTAINS",
            operand.text,
            lambda found: isinstance(found, list) and not any(map(operand.equals, found)),
        )

    def exists(self) -> Filter:
        """Match if the metadata has the field."""
        return _Condition(f"HAS FIELD {self._name}", self._name, lambda found: found is not MISSING)

    def missing(self) -> Filter:
        """Match if the metadata does not have the field."""
        return _Condition(f"HAS NOT FIELD {self._name}", self._name, lambda found: found is MISSING)

    def _order(self, sign: str, value: float, test: Callable[[Any, Any], bool]) -> Filter:
        operand = _number(value)
        return self._compare(
            sign,
            operand.text,
            lambda found: is_number(found) and test(stored_number(found), operand.value),
        )

    def _compare(self, sign: str, operand: str, test: Callable[[Any], bool]) -> Filter:
        return _Condition(f"{self._name} {sign} {operand}", self._name, test)


def filter_text(filter: str | Filter) -> str:
    """Return the text of a filter, which may be text already."""
    if not isinstance(filter, str | Filter):
        raise InvalidRequest("filter", f"must be text or a Filter, got {type(filter).__name__}")
    return str(filter)


class _Operand(NamedTuple):
    """A literal: its text in the filter, and the value that the service compares with."""

    text: str
    value: str | float

    def equals(self, found: object) -> bool:
        """Return whether a value in the metadata is equal."""
        if isinstance(self.value, str):
            return isinstance(found, str) and found == self.value
        return isinstance(found, int | float) and stored_number(found) == self.value


def _literals(values: Iterable[_Value]) -> list[_Operand]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidRequest("filter", f"must be a list of values, got {validation.shown(values)}")
    literals = [_literal(value) for value in values]
    if not literals:
        raise InvalidRequest("filter", "the list of values must not be empty")
    return literals


def _listed(literals: list[_Operand]) -> str:
    return f"({', '.join(literal.text for literal in literals)})"


def _literal(value: object) -> _Operand:
    if isinstance(value, bool):
        return _Operand("true" if value else "false", value)
    return _text(value) if isinstance(value, str) else _number(value)


def _text(value: object) -> _Operand:
    text = validation.text(value, "filter")
    for quote in ("'", '"'):
        if quote not in text:
            return _Operand(f"{quote}{text}{quote}", text)
    raise InvalidRequest("filter", f"a text must not contain both ' and \": {text[:60]!r}")


def _number(value: object) -> _Operand:
    number = _finite(value)
    if number is None:
        raise InvalidRequest(
            "filter", f"must be text, a finite number or a boolean, got {validation.shown(value)}"
        )
    if isinstance(value, Integral):
        return _Operand(str(int(value)), stored_number(int(value)))
    if abs(number) >= _EXACT_INTEGERS:  # the shortest decimal form would be another whole number
        return _Operand(str(int(number)), number)
    return _Operand(
        format(Decimal(repr(number)), "f"), number
    )  # without an exponent, which the syntax may not have


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
