"""Paths to values inside rows: names, dots and ``[n]``, such as ``response.body.data[0].embedding``. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources.base import InvalidRows

MISSING: Final = object()
_NAME = r"[^.\[\]{}]+"
_INDEX = r"\[[0-9]{1,9}\]"
_PATH = re.compile(rf"{_NAME}(?:{_INDEX})*(?:\.{_NAME}(?:{_INDEX})*)*")
_STEP = re.compile(rf"\[([0-9]+)\]|({_NAME})")


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The keys and positions that lead to a value; ``text`` is what they were read from."""

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def of(cls, text: object) -> FieldPath | None:
        """Return the path of a text, ``None`` if it is not one."""
        if not isinstance(text, str) or not _PATH.fullmatch(text):
            return None
        steps = (name or int(index) for index, name in _STEP.findall(text))
        return cls(text, tuple(steps))

    @property
    def root(self) -> str:
        """The name of the row's field in which the value is."""
        return str(self.steps[0])

    @property
    def key(self) -> str:
        """The last name, which the value has in the metadata."""
        return [step for step in self.steps if isinstance(step, str)][-1]

    @property
    def is_nested(self) -> bool:
        """Whether the value is within a field, rather than one of the row's."""
        return len(self.steps) > 1

    def value(self, row: Mapping[Any, Any]) -> Any:
        """Return the value, or ``MISSING``. A field that has the whole text as its name wins over the path."""
        if self.text in row:
            return row[self.text]
        found: Any = row
        for step in self.steps:
            if not _has(found, step):
                return MISSING
            found = found[step]
        return found


def rows_path(text: object) -> FieldPath | None:
    """Return the path in ``rows_field``, ``None`` if that is not set. Raises :class:`InvalidRows`."""
    path = FieldPath.of(text)
    if text is not None and path is None:
        raise InvalidRows(f"rows_field must be a name, or names with dots and [n], got {text!r}")
    return path


def _has(value: Any, step: str | int) -> bool:
    if isinstance(step, str):
        return isinstance(value, Mapping) and step in value
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
    return (is_list or getattr(value, "ndim", 0) > 0) and step < len(value)  # or an array of numpy
