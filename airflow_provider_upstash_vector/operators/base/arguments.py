"""Template fields after rendering: what each may be, and how a rendered text is read. Pure."""

from __future__ import annotations

import ast
import json
import math
from datetime import timedelta
from typing import Any, NoReturn

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import shown


def rendered_text(value: object, field: str) -> str:
    """Return a text field. A whole number is taken as its digits; nothing else is converted.

    A float or a truth value is refused: what other text it came from, ``1e5`` or ``yes``, cannot be known.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise InvalidRequest(field, f"must be text, got {shown(value)}")


def optional_text(value: object, field: str) -> str | None:
    """Return a text field that may be absent."""
    return None if value is None else rendered_text(value, field)


def rendered_value(value: Any, field: str, expected: str) -> Any:
    """Return a structured field: what is no text as it is, a text read as JSON or as a Python literal.

    An empty text, ``None`` and ``null`` mean that the field is not given. ``expected`` says what is wanted.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise InvalidRequest(field, f"must be {expected}, got the text {value[:60]!r}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def duration_seconds(value: object, name: str) -> float:
    """Return a duration in seconds: a number of more than 0, or a ``timedelta``.

    Raises ``TypeError`` for anything else, texts among it, and ``ValueError`` for 0, less, NaN and infinity.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, got {value!r}")
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be more than 0 seconds, got {value!r}")
    return float(number)
