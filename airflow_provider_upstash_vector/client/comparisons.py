"""What filters compare with, and how the service compares it with the value of a field."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from numbers import Integral, Real
from typing import Any, NamedTuple

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.stored_values import MISSING, glob_pattern, is_number, stored_number

_TEMPLATE = re.compile(r"\{[{%#]")
_NUMBER = re.compile(r"\s*[+-]?\d{1,400}(\.\d+)?([eE][+-]?\d+)?\s*", re.ASCII)
_EXACT_INTEGERS = 2**53


def has_template(text: str) -> bool:
    """Return whether a text has the marks of a Jinja template."""
    return _TEMPLATE.search(text) is not None


class Operand(NamedTuple):
    """A literal: its text in the filter, and the value that the service compares with.

    A template that cannot be a literal before it is rendered, e.g. in an order comparison, is both.
    """

    text: str
    value: str | float
    is_template: bool = False

    def equals(self, found: object) -> bool:
        """Return whether a value in the metadata is equal."""
        if isinstance(self.value, str):
            return isinstance(found, str) and found == self.value
        return isinstance(found, int | float) and stored_number(found) == self.value


def _literal(value: object) -> Operand:
    if isinstance(value, bool):
        return Operand("true" if value else "false", value)
    return _text(value) if isinstance(value, str) else _number(value)


def _text(value: object) -> Operand:
    text = validation.text(value, "filter")
    for quote in ("'", '"'):
        if quote not in text:
            return Operand(f"{quote}{text}{quote}", text)
    if has_template(text):
        return Operand(text, text, is_template=True)
    raise InvalidRequest("filter", f"a text must not contain both ' and \": {text[:60]!r}")


def _number_or_template(value: object) -> Operand:
    if isinstance(value, str) and has_template(text := validation.text(value, "filter")):
        return Operand(text, text, is_template=True)
    return _number(value)


def _rendered_number(value: object) -> Operand:
    if not isinstance(value, str):
        return _number(value)
    if not _NUMBER.fullmatch(value):
        raise InvalidRequest("filter", f"an order comparison needs a number, got the text {value[:60]!r}")
    return _number(int(value) if value.strip().lstrip("+-").isdigit() else float(value))


def _number(value: object) -> Operand:
    number = _finite(value)
    if number is None:
        raise InvalidRequest(
            "filter", f"must be text, a finite number or a boolean, got {validation.shown(value)}"
        )
    if isinstance(value, Integral):
        return Operand(str(int(value)), stored_number(int(value)))
    if abs(number) >= _EXACT_INTEGERS:  # the shortest decimal form would be another whole number
        return Operand(str(int(number)), number)
    return Operand(
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


def _equals_one(found: Any, operands: tuple[Operand, ...]) -> bool:
    return any(operand.equals(found) for operand in operands)


def _equals_none(found: Any, operands: tuple[Operand, ...]) -> bool:
    return found is not MISSING and not _equals_one(found, operands)


def _is_ordered(test: Callable[[Any, Any], bool], found: Any, operands: tuple[Operand, ...]) -> bool:
    return is_number(found) and test(stored_number(found), operands[0].value)


def _glob(wanted: bool, found: Any, operands: tuple[Operand, ...]) -> bool:  # noqa: FBT001 - of a partial
    pattern = glob_pattern(str(operands[0].value))
    return isinstance(found, str) and (pattern.fullmatch(found) is not None) is wanted


def _contains(wanted: bool, found: Any, operands: tuple[Operand, ...]) -> bool:  # noqa: FBT001 - as above
    return isinstance(found, list) and any(map(operands[0].equals, found)) is wanted


class Comparison(NamedTuple):
    """How an operand is made of a value, and of a rendered one; ``test`` gets ``MISSING`` if there is no field."""

    test: Callable[[Any, tuple[Operand, ...]], bool]
    operand: Callable[[Any], Operand] = _literal
    rendered: Callable[[Any], Operand] = _literal


LISTS = {"IN", "NOT IN"}
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
COMPARISONS = {
    "=": Comparison(_equals_one),
    "!=": Comparison(_equals_none),
    "IN": Comparison(_equals_one),
    "NOT IN": Comparison(_equals_none),
    "GLOB": Comparison(partial(_glob, True), _text, _text),
    "NOT GLOB": Comparison(partial(_glob, False), _text, _text),
    "CONTAINS": Comparison(partial(_contains, True)),
    "NOT CONTAINS": Comparison(partial(_contains, False)),
    "HAS FIELD": Comparison(lambda found, _: found is not MISSING),
    "HAS NOT FIELD": Comparison(lambda found, _: found is MISSING),
    **{
        sign: Comparison(partial(_is_ordered, test), _number_or_template, _rendered_number)
        for sign, test in _ORDERS.items()
    },
}
