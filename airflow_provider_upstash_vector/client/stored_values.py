"""Values in stored metadata as filters see them: those of SQLite's JSON functions, which speak the same paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

MISSING: Final = object()  # the value of a field that is not there; null is one that is

_PATH_PART = re.compile(r"\.?([a-zA-Z_][a-zA-Z_0-9-]*)|\[(#-)?(\d+)\]", re.ASCII)
_INT64 = range(-(2**63), 2**63)


def field_value(metadata: Mapping[str, Any] | None, path: str) -> Any:
    """Return the value at a path such as ``a.b[0]``, where ``[#-1]`` is the last element, or ``MISSING``."""
    value: Any = metadata
    for name, from_end, digits in _PATH_PART.findall(path):
        if name:
            value = value.get(name, MISSING) if isinstance(value, Mapping) else MISSING
        elif isinstance(value, list):
            place = len(value) - int(digits) if from_end else int(digits)
            value = value[place] if 0 <= place < len(value) else MISSING
        else:
            value = MISSING
    return value


def is_number(value: object) -> bool:
    """Return whether a value is a number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def stored_number(number: float) -> float:
    """Return a number as it is compared: integers beyond 64 bits are floating-point numbers."""
    return number if isinstance(number, float) or number in _INT64 else float(number)


@lru_cache  # of the rows of a run
def glob_pattern(glob: str) -> re.Pattern[str]:
    """Return the regular expression of a GLOB: ``*``, ``?``, ``[abc]`` and ``[^a-z]``."""
    expression, place = "", 0
    while place < len(glob):
        character = glob[place]
        place += 1
        if character == "[":
            part, place = _character_class(glob, place)
        else:
            part = {"*": ".*", "?": "."}.get(character) or re.escape(character)
        expression += part
    return re.compile(expression, re.DOTALL)


def _character_class(glob: str, place: int) -> tuple[str, int]:
    """Return the expression of the class that begins at ``place``, and the place after it."""
    negated = glob.startswith("^", place)
    begin = place + negated
    end = glob.find("]", begin + 1)  # a bracket right at the beginning is one of the characters
    if end < 0:
        return "(?!)", len(glob)
    ranges, last = [], ""
    place = begin
    while place < end:
        character = glob[place]
        if character == "-" and last and place + 1 < end:
            place += 1
            ranges.append((last, glob[place]))
            last = ""
        else:
            ranges.append((character, character))
            last = "" if character == "]" else character  # as SQLite has it
        place += 1
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    return f"[{'^' if negated else ''}{inside}]", end + 1
