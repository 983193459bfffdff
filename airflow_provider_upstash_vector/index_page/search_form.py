"""Reads the search box: a text, or a vector as a JSON array of numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from airflow_provider_upstash_vector.index_page.reader import Search


def read_search(form: Mapping[str, str]) -> Search | None:
    """Return what to search for, ``None`` if the box is empty. Raises ``ValueError``, which says what to write."""
    words, condition = form.get("q", "").strip(), form.get("filter", "").strip()
    if not words:
        return None
    if not words.startswith("["):
        return Search(text=words, filter=condition)
    try:
        numbers = json.loads(words, parse_int=float)  # an int may be too large for a float
    except (ValueError, RecursionError):
        raise ValueError("The search starts with [ but is not a JSON array: write [0.1, 0.2, …].") from None
    if not numbers or not all(_is_number(number) for number in numbers):
        raise ValueError("The vector has values that are not finite numbers: write [0.1, 0.2, …].")
    return Search(vector=numbers, filter=condition)


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
