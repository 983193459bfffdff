"""Values that were written as text: JSON, or the literals of Python. Pure."""

from __future__ import annotations

import ast
import json
from typing import Any, NoReturn

_MAX_CHARACTERS = 1024 * 1024  # parsing a literal takes a hundred times the memory of its text


def loads(text: str) -> Any:
    """Return the value of JSON, or else of a Python literal. Raises ``ValueError`` for other text."""
    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        pass
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("is too long for a Python literal")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError("is neither JSON nor a Python literal") from None


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)
