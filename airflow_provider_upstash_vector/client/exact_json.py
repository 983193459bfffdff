"""JSON with integers of any size; orjson is limited to 64 bits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1  # what orjson reads and writes exactly
_MIN_ROUNDED = 2.0**63
_MIN_DIGITS = 19
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))


def loads(text: bytes | str) -> Any:
    """Return the JSON value of a text, with exact integers. Raises ``ValueError`` if it is not JSON."""
    value = orjson.loads(text)
    return loads_slowly(text) if has_digits(text) and may_be_rounded([value]) else value


def has_digits(text: bytes | str) -> bool:
    """Return whether a text contains 19 digits in a row, as an integer beyond 64 bits does."""
    sample = text[::6]  # contains at least three of 19 in a row; of many floats, three that are not in a row, too
    return _has_zeros(sample, 3) and _has_zeros(text, _MIN_DIGITS)


def _has_zeros(text: bytes | str, count: int) -> bool:
    """Return whether a text, with zeros for all digits, has ``count`` in a row."""
    return b"0" * count in (text.encode() if isinstance(text, str) else text).translate(_DIGITS)


def may_be_rounded(values: Iterable[Any]) -> bool:
    """Return whether parsed values contain a float so large that orjson may have rounded an integer to it."""
    queue = [*values]
    for value in queue:  # grows during the loop
        kind = type(value)
        if kind is float:
            if not -_MIN_ROUNDED < value < _MIN_ROUNDED:
                return True
        elif kind is dict:
            queue += value.values()
        elif kind is list:
            queue += value
    return False


def loads_slowly(text: bytes | str) -> Any:
    """Return the value of a text that orjson accepts. Raises ``ValueError`` if it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply for an integer beyond 64 bits") from None


def dumps(value: object) -> bytes:
    """Return JSON that decodes to an equal value. Raises an error if there is none, as for NaN."""
    encoded = json.dumps(value, ensure_ascii=False)
    if json.loads(encoded) != value:
        raise ValueError("JSON cannot represent the value exactly")
    return encoded.encode()
