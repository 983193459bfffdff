"""Long template fields, summarized when Airflow stores and shows the rendered fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base.arguments import rendered_value

MAX_TEMPLATED_ROWS = 100


class SummarizedRows(Sequence[Any]):
    """A list of rows whose repr is its length; its rows are not rendered."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, rows: Any) -> Any:
        """Wrap a list of more than 100 rows; return any other value as it is."""
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
    """A list or an array whose repr is truncated; ``value`` is the whole."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, value: Any) -> Any:
        """Wrap more than ten numbers, also if given as text; return any other value as it is."""
        try:
            vector = rendered_value(value, "vector", "")
        except InvalidRequest:
            return value  # the update raises the same error
        return cls(vector) if _length(vector) > MAX_SHOWN_NUMBERS else value

    @classmethod
    def unwrap(cls, value: Any) -> Any:
        """Undo :meth:`of`."""
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
