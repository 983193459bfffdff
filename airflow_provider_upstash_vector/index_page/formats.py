"""Values as short texts. Escaping is left to the templates."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

_UNITS = ("B", "KB", "MB", "GB", "TB")
_KIBI = 1024
# marks that change the order of text: an id with one could pass for another
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    r"""Return a text with control characters, marks of direction and lone surrogates as ``\u202e``."""
    return "".join(f"\\u{ord(char):04x}" if _is_hidden(char) else char for char in text)


def _is_hidden(char: str) -> bool:
    if char in "\n\t":
        return False
    return char in _DIRECTION_MARKS or unicodedata.category(char) in {"Cc", "Cs"}


def shortened(text: str, max_chars: int) -> str:
    """Return a text with ``…`` for what is beyond ``max_chars``."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


def json_line(value: Any) -> str:
    """Return a JSON value on one line."""
    return _json(value, None)


def json_block(value: Any) -> str:
    """Return a JSON value with a line for each field."""
    return _json(value, 2)


def _json(value: Any, indent: int | None) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent)
    except RecursionError:
        return "nested too deeply to be shown"


def number(value: float) -> str:
    """Return a count with separators, or a number as short as it is stored (float32 has 9 digits at most)."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.9g}"


def size(size_bytes: float) -> str:
    """Return a size in the largest unit with which it is at least 1."""
    unit = 0
    while size_bytes >= _KIBI and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / _KIBI, unit + 1
    return f"{size_bytes:,.0f} {_UNITS[unit]}" if unit == 0 else f"{size_bytes:,.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time in ms, s, or minutes and seconds."""
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    if seconds < 60:
        return f"{seconds:,.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s"


def ago(time: datetime, now: datetime) -> str:
    """Return how long ago a time was."""
    seconds = max(0, (now - time).total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if (count := int(seconds // length)) >= 1:
            return f"{count} {unit}{'s' * (count > 1)} ago"
    return "just now"


def metadata_items(metadata: Mapping[str, Any] | None, max_items: int) -> list[tuple[str, str]]:
    """Return the first fields of metadata with their values, texts without quotes."""
    items = list((metadata or {}).items())[:max_items]
    return [(name, value if isinstance(value, str) else json_line(value)) for name, value in items]


def query_string(**values: str) -> str:
    """Return the part of a URL from ``?`` on; characters that UTF-8 cannot encode become ``?``."""
    set_values = {name: value for name, value in values.items() if value or name == "namespace"}
    return f"?{urlencode(set_values, errors='replace')}"
