"""JSON in and out with integers of any size, of which orjson keeps 64 bits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1  # what orjson reads and writes exactly
_MIN_ROUNDED = 2.0**63
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))


def loads(text: bytes | str) -> Any:
    """Return the JSON value of a text, its integers exact; raises ``ValueError`` if it is not JSON."""
    value = orjson.loads(text)
    return loads_slowly(text) if has_digits(text) and may_be_rounded([value]) else value


def has_digits(text: bytes | str) -> bool:
    """Return whether a text may have 19 digits in a row, as an integer beyond 64 bits has."""
    some = text[::6]  # at least three of 19 in a row
    return b"000" in (some.encode() if isinstance(some, str) else some).translate(_DIGITS)


def may_be_rounded(values: Iterable[Any]) -> bool:
    """Return whether parsed values hold a float so large that orjson may have read an integer as it."""
    left = [*values]
    for value in left:  # which grows meanwhile
        kind = type(value)
        if kind is float:
            if not -_MIN_ROUNDED < value < _MIN_ROUNDED:
                return True
        elif kind is dict:
            left += value.values()
        elif kind is list:
            left += value
    return False


def loads_slowly(text: bytes | str) -> Any:
    """Return the value of a text that orjson takes; raises ``ValueError`` if it nests too deeply for this."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply for an integer beyond 64 bits") from None


def dumps(value: object) -> bytes:
    """Return JSON that reads back equal; raises if there is none, as for NaN or keys that are not text."""
    encoded = json.dumps(value, ensure_ascii=False)
    if json.loads(encoded) != value:
        raise ValueError("JSON cannot hold the value exactly")
    return encoded.encode()
