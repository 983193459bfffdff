"""Conversion of arguments: rendered template fields to text or structured values, durations to seconds. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from os import PathLike, fspath
from typing import Any, Final, TypeVar

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.client import literals
from airflow_provider_upstash_vector.client.comparisons import has_template
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import choice, identifier

T = TypeVar("T")


class Unset(Enum):
    """The default of arguments that select vectors: ``None``, as of a mapped task, must not select others."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET

_NO_TEMPLATE = re.compile(r"[\w\s.%-]*")


def given(value: T | Unset, name: str) -> T | None:
    """Return an argument, ``None`` if it is left out. Raises ``InvalidRequest`` if it is given as ``None``."""
    if value is None:
        raise InvalidRequest(
            name, "is None, without which other vectors would be selected: leave the argument out"
        )
    return None if isinstance(value, Unset) else value


def is_literal(value: object) -> bool:
    """Return whether the value of a template field is known when the DAG is parsed."""
    return _NO_TEMPLATE.fullmatch(value) is not None if isinstance(value, str) else not isinstance(value, XComArg)


def literal_mode(value: object) -> str | None:
    """Return a ``metadata_update_mode``, ``None`` if it is a template; raises ``InvalidRequest`` for any other."""
    text = isinstance(value, str) and is_literal(value)
    return choice(value, "metadata_update_mode", "OVERWRITE", "PATCH") if text else None


def refuse_template(filter: object, has_template: Callable[[str], bool] = has_template) -> None:
    """Raise ``InvalidRequest`` for the text of a filter with a template in it."""
    if isinstance(filter, str) and has_template(filter):
        raise InvalidRequest(
            "filter",
            f"a template in its text could change what it means: {filter[:60]!r}. Write an expression, whose "
            """values are quoted after they are rendered, e.g. Field("genre") == "{{ params.genre }}\"""",
        )


def literal_choice(value: object, name: str, *choices: str) -> None:
    """Raise ``ValueError`` for an argument, not a template, that is none of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}, got {value!r}")


def place_of(namespace: str) -> str:
    """Return what a message calls a namespace."""
    return f"namespace {namespace!r}" if namespace else "the default namespace"


def optional_text(value: object, field: str) -> str | None:
    """Return a text field, or ``None`` if it is not set; native rendering makes a number of digits."""
    return None if value is None else identifier(value, field)


def rendered_path(value: object, field: str) -> str | None:
    """Return a path, or ``None`` if it is not set."""
    path = optional_text(fspath(value) if isinstance(value, PathLike) else value, field) or None
    if path and "\0" in path:
        raise InvalidRequest(field, f"must not contain a NUL character, got {path[:60]!r}")
    return path


def rendered_value(value: Any, field: str, expected: str) -> Any:
    """Return a structured field: a text is parsed as JSON or as a Python literal, other values stay as they are.

    An empty text, ``None`` and ``null`` are ``None``: the field is not set. Raises ``InvalidRequest`` with
    ``expected`` for other text.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    try:
        return literals.loads(text)
    except ValueError:
        raise InvalidRequest(field, f"must be {expected}, got the text {value[:60]!r}") from None


def duration_seconds(value: object, name: str) -> float:
    """Return a number or a ``timedelta`` in seconds.

    Raises ``TypeError`` for any other type, and ``ValueError`` if it is not positive and finite.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, got {value!r}")
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be more than 0 seconds, got {value!r}")
    return float(number)
