"""Values as short texts. Escaping is left to the templates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

_UNITS = ("B", "KB", "MB", "GB", "TB")
_KIBI = 1024
_MAX_UCS2 = 0xFFFF
# what is not seen, or changes the order of text: an id with it could pass for another
_HIDDEN = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# emoji and some scripts need these between their characters
_JOINERS = r"(?<![^\x00-\x7f])[\u200c\u200d\ufe00-\ufe0f]|[\u200c\u200d](?![^\x00-\x7f])"
_NOT_VISIBLE = re.compile(rf"{_HIDDEN}|{_JOINERS}|\r(?!\n)")


def visible(text: str) -> str:
    r"""Return a text with what cannot be seen, such as control characters, as ``\u202e``."""
    return _NOT_VISIBLE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code <= _MAX_UCS2 else f"\\U{code:08x}"


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
