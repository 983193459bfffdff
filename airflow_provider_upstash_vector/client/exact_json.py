"""JSON in and out with integers of any size, of which orjson keeps 64 bits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1  # what orjson reads and writes exactly
_MIN_ROUNDED = 2.0**63


def loads(text: bytes | str) -> Any:
    """Return the JSON value of a text, its integers exact; raises ``ValueError`` if it is not JSON."""
    value = orjson.loads(text)
    return loads_slowly(text) if may_be_rounded([value]) else value


def may_be_rounded(values: Iterable[object]) -> bool:
    """Return whether parsed values hold a float so large that orjson may have read an integer as it."""
    left = [*values]
    while left:
        value = left.pop()
        kind = type(value)
        if kind is float:
            if abs(value) >= _MIN_ROUNDED:  # type: ignore[arg-type]  # a float
                return True
        elif kind is dict:
            left += value.values()  # type: ignore[attr-defined]  # a dict
        elif kind is list:
            left += value  # type: ignore[arg-type]  # a list
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
