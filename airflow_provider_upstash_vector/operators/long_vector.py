"""A long vector as a template field: its first numbers and its length are stored with the rendered fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_upstash_vector.client.errors import InvalidUpdate
from airflow_provider_upstash_vector.operators.rendered_values import rendered_value

MOST_SHOWN_NUMBERS = 10
_FIRST_NUMBERS = 4


class LongVector(Sequence[Any]):
    """A list or an array that shows itself in short; ``value`` is what it was made of."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def of(cls, value: Any) -> Any:
        """Return more than ten numbers, also as text, as this; anything else as it is."""
        try:
            found = rendered_value(value, "vector", "")
        except InvalidUpdate:
            return value  # the task says what is wrong, when it runs
        return cls(found) if _length(found) > MOST_SHOWN_NUMBERS else value

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
