"""A long list of rows as a template field: neither rendered row by row nor stored with the rendered fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import rendered_value

MAX_TEMPLATED_ROWS = 100


class SummarizedRows(Sequence[Any]):
    """A list that shows itself by its length."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, rows: Any) -> Any:
        """Return a list of more than 100 rows as this; anything else as it is."""
        return cls(rows) if isinstance(rows, list | tuple) and len(rows) > MAX_TEMPLATED_ROWS else rows

    def __getitem__(self, position: Any) -> Any:
        return self._rows[position]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self._rows):,} rows>"


MAX_SHOWN_NUMBERS = 10
_FIRST_NUMBERS = 4


class SummarizedVector(Sequence[Any]):
    """A list or an array that shows itself in short; ``value`` is what it was made of."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, value: Any) -> Any:
        """Return more than ten numbers, also as text, as this; anything else as it is."""
        try:
            found = rendered_value(value, "vector", "")
        except InvalidRequest:
            return value  # the task says what is wrong, when it runs
        return cls(found) if _length(found) > MAX_SHOWN_NUMBERS else value

    @classmethod
    def whole(cls, value: Any) -> Any:
        """Return what ``of`` has shortened."""
        return value.value if isinstance(value, cls) else value

    def __getitem__(self, position: Any) -> Any:
        return self.value[position]

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        first = ", ".join(_shown(number) for number in self.value[:_FIRST_NUMBERS])
        return f"[{first}, … {len(self):,} numbers]"


def _length(value: Any) -> int:
    if not (isinstance(value, list | tuple) or hasattr(value, "tolist")):
        return 0
    try:
        return len(value)
    except TypeError:  # an array of no dimension
        return 0


def _shown(number: Any) -> str:
    try:
        return f"{float(number):.6g}"
    except (TypeError, ValueError):
        return repr(number)[:20]
