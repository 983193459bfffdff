"""A long list of rows as a template field: neither rendered row by row nor stored with the rendered fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_TEMPLATED_ROWS = 100


class ManyRows(Sequence[Any]):
    """A list that shows itself by its length."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, rows: Any) -> Any:
        """Return a list of more than 100 rows as this; anything else as it is."""
        return cls(rows) if isinstance(rows, list | tuple) and len(rows) > MOST_TEMPLATED_ROWS else rows

    def __getitem__(self, position: Any) -> Any:
        return self._rows[position]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self._rows):,} rows>"
