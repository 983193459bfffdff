"""The form in which template fields are stored and shown.

Airflow stores the template fields of a task in the serialized DAG and, before ``execute``, as rendered fields. It
stores strict JSON: one NaN fails the task, and an address in a repr makes a new DAG version at each parse.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from os import PathLike, fspath
from typing import Any
from uuid import UUID

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.operators.base.arguments import rendered_value

MAX_SHOWN_ITEMS = 100
MAX_SHOWN_NUMBERS = 10
_FIRST_NUMBERS = 4
_MAX_SEARCHED_ITEMS = 1_000
_MAX_DEPTH = 20
_MAX_CHARS = 64 * 1024
_CHARS_OF_AN_ITEM = 8
_INT64 = range(-(2**63), 2**63)
_STABLE_TEXTS = (dt.date, dt.time, dt.timedelta, dt.tzinfo, Decimal, UUID)


class Shown:
    """A form of ``value`` that can be stored; the task uses ``value``."""

    value: Any


class ShownText(Shown):
    """Text in place of a value.

    It is not a ``str``: Airflow would put it into the serialized DAG as it is, and msgspec, which Airflow 3 sends
    that with, encodes no subclass of ``str``.
    """

    __slots__ = ("text", "value")

    def __init__(self, text: str, value: Any) -> None:
        self.text = text
        self.value = value

    def __repr__(self) -> str:
        return repr(self.text)  # Airflow before 3.2 stores the repr of a list or dict that it is in

    def __str__(self) -> str:
        return self.text

    def serialize(self) -> str:
        """Return the text; Airflow calls this."""
        return self.text


class ShownList(Shown, list[Any]):
    """A list whose items can be stored."""

    def __init__(self, items: Iterable[Any] = (), value: Any = None) -> None:
        super().__init__(items)
        self.value = value


class ShownDict(Shown, dict[str, Any]):
    """A dict whose keys are text and whose values can be stored."""

    def __init__(self, items: Mapping[str, Any] | None = None, value: Any = None) -> None:
        super().__init__(items or {})
        self.value = value


def shown(value: Any) -> Any:
    """Return ``value`` itself if Airflow can store it, else a :class:`Shown`, the same in every process.

    Long vectors are truncated; long lists, iterators, tables and other objects are shown by type and length. At
    most some 64 KB are shown. Airflow's own objects, e.g. the results of other tasks, stay as they are.
    """
    return _Walk().shown(value, 0)


def shown_vector(value: Any) -> Any:
    """Return :func:`shown` of a vector, which may be the text of a list."""
    if isinstance(value, str):
        with suppress(InvalidRequest):  # the update raises it again
            vector = shown(rendered_value(value, "vector", ""))
            return ShownText(vector.text, value) if isinstance(vector, ShownText) else shown(value)
    return shown(value)


def unwrap(value: Any) -> Any:
    """Undo :func:`shown`, also for the items of a list, tuple or dict."""
    if isinstance(value, Shown):
        return unwrap(value.value)
    if type(value) in {list, tuple} and any(isinstance(item, Shown) for item in value):
        return type(value)(map(unwrap, value))
    if type(value) is dict and any(isinstance(item, Shown) for item in value.values()):
        return {key: unwrap(item) for key, item in value.items()}
    return value


class _Walk:
    """One call of :func:`shown`, with the number of characters left."""

    def __init__(self) -> None:
        self._left = _MAX_CHARS

    def shown(self, value: Any, depth: int) -> Any:
        self._left -= _CHARS_OF_AN_ITEM
        if value.__class__ is not type(value):  # a lazy value of the context
            value = getattr(value, "__wrapped__", value)
        if value is None or isinstance(value, bool | Shown) or _is_of_airflow(value):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float):
            return _number(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(value, depth)
        return ShownText(self._other(value), value)

    def _text(self, value: str) -> Any:
        text = str.__str__(value)[: max(self._left, MAX_SHOWN_ITEMS)]
        storable = text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
        self._left -= len(text)
        if len(text) < len(value):
            storable = f"{storable[:MAX_SHOWN_ITEMS]}… {len(value):,} characters"
        return value if storable == value and type(value) is str else ShownText(storable, value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        if self._is_too_large(value, depth):
            return ShownText(_type_and_length(value), value)
        items: dict[str, Any] = {}
        for key, item in value.items():
            shown_key = self.shown(key if isinstance(key, str) else str(key), depth)
            items[_plain(shown_key)] = _plain(self.shown(item, depth + 1))
        same = type(value) is dict and all(
            key is old and items[key] is item for key, (old, item) in zip(items, value.items(), strict=False)
        )
        return value if same and len(items) == len(value) else ShownDict(items, value)

    def _items(self, value: Any, depth: int) -> Any:
        if len(value) > MAX_SHOWN_NUMBERS and isinstance(value, Sequence) and all(map(_is_number, value)):
            return ShownText(_vector(value), value)
        if self._is_too_large(value, depth):
            return ShownText(_type_and_length(value), value)
        items = [_plain(self.shown(item, depth + 1)) for item in value]
        if isinstance(value, set | frozenset):
            return ShownList(sorted(items, key=lambda item: (type(item).__name__, str(item))), value)
        same = all(item is old for item, old in zip(items, value, strict=False))
        return value if same else ShownList(items, value)

    def _is_too_large(self, value: Any, depth: int) -> bool:
        if depth > _MAX_DEPTH or self._left <= 0:
            return True
        if len(value) > _MAX_SEARCHED_ITEMS:
            return True
        return len(value) > MAX_SHOWN_ITEMS and not _has_reference(value)

    def _other(self, value: Any) -> str:
        if isinstance(value, _STABLE_TEXTS):
            return str(value)
        if isinstance(value, PathLike | Filter):
            return str(self._text(str(fspath(value) if isinstance(value, PathLike) else value)))
        if hasattr(value, "tolist") and hasattr(value, "ndim") and not hasattr(value, "columns"):
            return self._array(value)
        name = getattr(value, "__qualname__", "")
        return f"<{type(value).__name__} {name}>" if name else _type_and_length(value)

    def _array(self, value: Any) -> str:
        if value.ndim == 0:
            plain = value.tolist()  # a long double stays one
            return str(plain if type(plain) is type(value) else self.shown(plain, _MAX_DEPTH))
        numbers = value.ndim == 1 and getattr(value.dtype, "kind", "") in "fiu"
        return _vector(value) if numbers else _type_and_length(value)


def _plain(item: Any) -> Any:
    """Return an item of a list or dict that is shown, whose value is with the list or dict."""
    return item.text if isinstance(item, ShownText) else item


def _is_of_airflow(value: Any) -> bool:
    """Return whether Airflow renders or stores the value itself."""
    return type(value).__module__.partition(".")[0] == "airflow" or hasattr(type(value), "template_fields")


def _has_reference(value: Any) -> bool:
    """Return whether the result of another task is in the value; Airflow finds dependencies in what is shown."""
    try:
        return any(True for _ in XComArg.iter_xcom_references(value))
    except RecursionError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0)


def _number(value: float) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            return ShownText(float.__repr__(value), value)
        return value if type(value) is float else ShownText(float.__repr__(value), value)
    if int(value) in _INT64:  # a range compares subclasses of int, as enumerations, with each of its numbers
        return value if type(value) is int else ShownText(int.__repr__(value), value)
    return ShownText(f"<int of {value.bit_length():,} bits>", value)


def _vector(numbers: Any) -> str:
    if len(numbers) <= MAX_SHOWN_NUMBERS:
        return f"[{', '.join(map(_short, numbers))}]"
    return f"[{', '.join(map(_short, numbers[:_FIRST_NUMBERS]))}, … {len(numbers):,} numbers]"


def _short(number: Any) -> str:
    try:
        return f"{float(number):.6g}"
    except (TypeError, ValueError, OverflowError):
        return _type_and_length(number)


def _type_and_length(value: Any) -> str:
    name = type(value).__name__
    try:
        return f"<{name} of {len(value):,}>"
    except Exception:  # noqa: BLE001 - not every object has a length
        return f"<{name}>"
