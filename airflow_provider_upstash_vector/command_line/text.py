"""Results as text for people: aligned columns, with everything that a terminal would obey escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_WIDTH = 60  # of a cell; ids and names are never cut


def as_text(output: Any) -> str:
    """Return lists as one item a line, and objects as one field a line."""
    if isinstance(output, list):
        first = next((next(iter(item), "") for item in output if isinstance(item, Mapping)), "")
        return _table([item if isinstance(item, Mapping) else {first: item} for item in output])
    if not isinstance(output, Mapping):
        return _cell(output)
    tables = {name: value for name, value in output.items() if _is_table(value)}
    fields = [(_cell(name), _cell(value)) for name, value in output.items() if name not in tables]
    parts = [_aligned(fields)] if fields else []
    for name, table in tables.items():
        parts.append(f"{_cell(name)}\n{_table([{'': key, **value} for key, value in table.items()])}")
    return "\n\n".join(parts)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, Mapping) for item in value.values())


def _table(items: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for item in items for name in item))
    header = [[_cell(name) if name else "" for name in columns]] if len(columns) > 1 else []
    first, *others = columns or [""]
    rows = (
        [_cell(item.get(first, "")), *(_cut(_cell(item[name])) if name in item else "" for name in others)]
        for item in items
    )
    return _aligned([*header, *rows])


def _cell(value: Any) -> str:
    """Return text as it is if it is printable, and other values as JSON."""
    if isinstance(value, str) and value.isprintable() and value == value.strip() != "":
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return text if text.isprintable() else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    listed = [*rows]
    widths = [min(_WIDTH, max(map(len, column))) for column in zip(*listed, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in listed)
    return "\n".join(line.rstrip() for line in lines)
