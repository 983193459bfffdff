"""Values that were written as text: JSON, or the literals of Python. Pure."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from itertools import pairwise
from typing import Any, NoReturn

_MAX_CHARACTERS = (
    256 * 1024
)  # parsing a literal takes a hundred times the memory of its text, and seconds for 1 MB
_ADJACENT_QUOTES = re.compile(r"""['"][\s\\]*[bBrRuU]{0,2}['"]""")


def loads(text: str) -> Any:
    """Return the value of JSON, or else of a Python literal. Raises ``ValueError`` for other text."""
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > _MAX_CHARACTERS:
        raise ValueError("is too long for a Python literal")
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError("is neither JSON nor a Python literal") from None
    if _ADJACENT_QUOTES.search(text) and _joins_texts(text.strip()):
        raise ValueError("is not a Python literal: no comma separates two texts, as when numpy prints an array")
    return value


def _joins_texts(literal: str) -> bool:
    """Return whether a literal has texts side by side, of which Python makes one: ``['a' 'b']``."""
    tokens = tokenize.generate_tokens(io.StringIO(literal).readline)
    kinds = [token.type for token in tokens if token.type != tokenize.NL]
    return any(kind == following == tokenize.STRING for kind, following in pairwise(kinds))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


_JSON = json.JSONDecoder(parse_constant=_reject_constant)  # making one takes longer than reading a cell
