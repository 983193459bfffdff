"""Filter expressions, built from Python values with correct quoting.

    Field("genre") == "it's"                        genre = "it's"
    (Field("year") >= 1990) & (Field("a") != 1)     there is no NOT: every operator has its opposite
    Field("tags").contains("new") | Field("a.b[0]").isin([1, 2])

The syntax is that of the Metadata Filtering page. It has no escapes in strings, so a text with both kinds of
quotes raises :class:`InvalidRequest`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NoReturn

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.comparisons import COMPARISONS, LISTS, Operand
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.stored_values import field_value

# A name, then names and array indices; [#-1] is the last element.
_FIELD = re.compile(r"[a-zA-Z_][a-zA-Z_0-9-]*(\.[a-zA-Z_][a-zA-Z_0-9-]*|\[(\d+|#-\d+)\])*", re.ASCII)
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

    @abstractmethod
    def replace_texts(self, replace: Callable[[str], Any]) -> Filter:
        """Return the filter with each text that it compares with replaced, as by rendering a template.

        In an order comparison a text must then be that of a number. Raises :class:`InvalidRequest` for a value
        that is not possible.
        """

    @abstractmethod
    def check_values(self) -> None:
        """Raise :class:`InvalidRequest` if a value is a template that has to be rendered first."""

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

    def replace_texts(self, replace: Callable[[str], Any]) -> Filter:
        return _Joined(self._word, tuple(part.replace_texts(replace) for part in self._all_parts))

    def check_values(self) -> None:
        for part in self._all_parts:
            part.check_values()


class _Condition(Filter):
    """One condition on a field: the sign of a comparison, and what it compares with."""

    def __init__(self, name: str, sign: str, operands: tuple[Operand, ...]) -> None:
        self._name = name
        self._sign = sign
        self._operands = operands
        self._is_template = any(operand.is_template for operand in operands)

    def __str__(self) -> str:
        if not self._operands:
            return f"{self._sign} {self._name}"
        texts = ", ".join(operand.text for operand in self._operands)
        return f"{self._name} {self._sign} {f'({texts})' if self._sign in LISTS else texts}"

    def matches(self, metadata: Mapping[str, Any] | None) -> bool:
        if self._is_template:
            self.check_values()
        return COMPARISONS[self._sign].test(field_value(metadata, self._name), self._operands)

    def replace_texts(self, replace: Callable[[str], Any]) -> Filter:
        rendered = COMPARISONS[self._sign].rendered
        operands = (
            rendered(replace(operand.value)) if isinstance(operand.value, str) else operand
            for operand in self._operands
        )
        return _Condition(self._name, self._sign, tuple(operands))

    def check_values(self) -> None:
        for operand in self._operands:
            if operand.is_template:
                raise InvalidRequest("filter", f"has the template {operand.text[:60]!r}, which is not rendered")


class Field:
    """A field of the metadata: a name, ``a.b`` within an object, ``a[0]`` or ``a[#-1]`` within an array.

    Comparisons return a :class:`Filter`. A text to compare with may be a template if an operator gets the filter.
    Raises :class:`InvalidRequest` for an invalid name or value.
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not _FIELD.fullmatch(name) or name.lower() in _KEYWORDS:
            raise InvalidRequest(
                "filter", f"{name!r} is not a valid field name; examples are a, a.b, a[0] and a[#-1]"
            )
        self._name = name

    def __eq__(self, value: _Value) -> Filter:  # type: ignore[override]  # builds an expression
        return self._compare("=", value)

    def __ne__(self, value: _Value) -> Filter:  # type: ignore[override]  # builds an expression
        return self._compare("!=", value)

    def __lt__(self, value: float | str) -> Filter:
        return self._compare("<", value)

    def __le__(self, value: float | str) -> Filter:
        return self._compare("<=", value)

    def __gt__(self, value: float | str) -> Filter:
        return self._compare(">", value)

    def __ge__(self, value: float | str) -> Filter:
        return self._compare(">=", value)

    __hash__ = None  # type: ignore[assignment]  # equality builds an expression

    def isin(self, values: Iterable[_Value]) -> Filter:
        """Match if the field equals one of ``values``."""
        return self._compare("IN", *_listed(values))

    def not_in(self, values: Iterable[_Value]) -> Filter:
        """Match if the field equals none of ``values``."""
        return self._compare("NOT IN", *_listed(values))

    def glob(self, pattern: str) -> Filter:
        """Match if the text matches a pattern of ``*``, ``?``, ``[abc]`` and ``[^a-z]``; case-sensitive."""
        return self._compare("GLOB", pattern)

    def not_glob(self, pattern: str) -> Filter:
        """Match if the text does not match a pattern."""
        return self._compare("NOT GLOB", pattern)

    def contains(self, value: _Value) -> Filter:
        """Match if the array contains ``value``."""
        return self._compare("CONTAINS", value)

    def not_contains(self, value: _Value) -> Filter:
        """Match if the array does not contain ``value``."""
        return self._compare("NOT CONTAINS", value)

    def exists(self) -> Filter:
        """Match if the metadata has the field."""
        return self._compare("HAS FIELD")

    def missing(self) -> Filter:
        """Match if the metadata does not have the field."""
        return self._compare("HAS NOT FIELD")

    def _compare(self, sign: str, *values: object) -> Filter:
        return _Condition(self._name, sign, tuple(map(COMPARISONS[sign].operand, values)))


def filter_text(filter: str | Filter) -> str:
    """Return the text of a filter, which may be text already."""
    if not isinstance(filter, str | Filter):
        raise InvalidRequest("filter", f"must be text or a Filter, got {type(filter).__name__}")
    if isinstance(filter, Filter):
        filter.check_values()
    return str(filter)


def _listed(values: Iterable[_Value]) -> list[_Value]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidRequest("filter", f"must be a list of values, got {validation.shown(values)}")
    listed = [*values]
    if not listed:
        raise InvalidRequest("filter", "the list of values must not be empty")
    return listed
