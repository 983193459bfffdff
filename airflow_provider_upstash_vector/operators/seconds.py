"""Durations that are given to operators. Pure."""

from __future__ import annotations

import math
from datetime import timedelta


def seconds(value: object, name: str) -> float:
    """Return a duration in seconds: a number of more than 0, or a ``timedelta``.

    Raises ``TypeError`` for anything else, texts among it, and ``ValueError`` for 0, less, NaN and infinity.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, got {value!r}")
    if not 0 < number < math.inf:
        raise ValueError(f"{name} must be more than 0 seconds, got {value!r}")
    return float(number)
