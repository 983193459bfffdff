"""The JSON of metadata, or the path of the value in it that cannot be sent. Pure.

Plain values are encoded by orjson alone. Only if it refuses a value, or may have changed one, are the values
converted one by one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from math import isfinite
from typing import Any, Final

import orjson

from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.exact_json import MAX_INTEGER, MIN_INTEGER
from airflow_provider_upstash_vector.client.json_values import MISSING, NotJson, member, simplified, sort_key
from airflow_provider_upstash_vector.client.validation import MAX_METADATA_BYTES, shown

_SETS: Final = (set, frozenset)
# By default orjson would serialize dataclasses as objects, and round time zones to minutes.
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def metadata(value: object, *, patch: bool = False) -> dict[str, Any]:
    """Return a copy of metadata as JSON values, at most 48 KB as JSON; ``patch`` is as for :func:`metadata_json`.

    ``None`` inside it is kept: with PATCH it deletes the field.
    """
    return dict(orjson.loads(metadata_json(value, patch=patch)))


def metadata_json(value: object, *, patch: bool = False) -> bytes:
    """Return the JSON of :func:`metadata`.

    NA and NaT are null, or, in a ``patch``, rejected: there null deletes the field.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest("metadata", f"must be a JSON object, got {shown(value)}")
    encoded = json_of(value, missing_as_null=not patch)
    if len(encoded) > MAX_METADATA_BYTES:
        reason = f"{len(encoded):,} bytes of JSON, more than the limit of {MAX_METADATA_BYTES:,}"
        raise InvalidRequest("metadata", reason)
    return encoded


def json_of(value: object, *, missing_as_null: bool) -> bytes:
    """Return the JSON of metadata of any size. Raises :class:`InvalidRequest` with the path of what has none."""
    conversion = _WITH_NULLS if missing_as_null else _WITHOUT_NULLS
    encoded = None
    try:
        # nested one level, as it will be sent: orjson limits the depth
        encoded = orjson.dumps([value], default=conversion.step, option=_OPTIONS)
    except TypeError as error:
        if not isinstance(error.__cause__, Exception | None):  # a timeout, raised during a conversion
            raise error.__cause__ from None
    if encoded is None or b"null" in encoded:  # orjson writes NaN and infinity as null
        try:
            plain = conversion.value(value)
            encoded = encoded or orjson.dumps([plain])
        except NotJson as error:
            raise InvalidRequest("metadata", f"metadata{error.path} {error.reason}") from None
        except (RecursionError, TypeError):  # of Python and of orjson
            raise InvalidRequest("metadata", "is nested too deeply") from None
    return encoded[1:-1]


class _Conversion:
    """Converts values one by one, as orjson does with :meth:`step`, so that the place of a wrong one is known."""

    def __init__(self, *, missing_as_null: bool) -> None:
        self._missing_as_null = missing_as_null

    def step(self, value: Any) -> Any:
        """Return a value that orjson does not take one step nearer to JSON."""
        if issubclass(type(value), _SETS):
            return self.value(value)
        simple = simplified(value)
        if simple is not MISSING:
            return simple
        if self._missing_as_null:
            return None
        raise NotJson(f"is {shown(value)}, and null deletes a field; use None to delete it")

    def value(self, value: Any) -> Any:
        """Return a value of JSON types. Raises :class:`NotJson`."""
        kind = type(value)  # not isinstance(): a lazy proxy is an instance of what it stands for
        if value is None or kind is bool:
            return value
        if issubclass(kind, Enum):
            return self.value(value.value)
        if issubclass(kind, str):
            return _text(value)
        if kind is float or issubclass(kind, int):
            return _number(value)
        return self._parts(value, kind)

    def _parts(self, value: Any, kind: type) -> Any:
        if issubclass(kind, dict):
            return self._object(value)
        if issubclass(kind, list):
            return self._list(value)
        if issubclass(kind, _SETS):
            return sorted(map(self.value, value), key=sort_key)
        try:
            simple = self.step(value)
        except (NotJson, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - the value's own code
            raise NotJson(f"is not JSON serializable: {type(error).__name__}") from None
        return self.value(simple)

    def _list(self, value: list[Any]) -> list[Any]:
        items: list[Any] = []
        try:
            for item in list.__iter__(value):
                items.append(self.value(item))  # noqa: PERF401 - their number is the place of the one that fails
        except NotJson as error:
            error.path = f"[{len(items)}]{error.path}"
            raise
        return items

    def _object(self, value: dict[Any, Any]) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for key, item in dict.items(value):
            name = _name(key)
            if name in items:
                raise NotJson(f"has two keys with the text {name!r}")
            try:
                items[name] = self.value(item)
            except NotJson as error:
                error.path = member(name) + error.path
                raise
        return items


_WITH_NULLS: Final = _Conversion(missing_as_null=True)
_WITHOUT_NULLS: Final = _Conversion(missing_as_null=False)


def _name(key: Any) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return _text(key)
    numpy: Any = sys.modules.get("numpy")
    whole = isinstance(key, int) or (numpy is not None and isinstance(key, numpy.integer))
    if isinstance(key, bool) or not whole or not MIN_INTEGER <= key <= MAX_INTEGER:
        raise NotJson(f"has the key {shown(key)}; keys are text, or integers of up to 64 bits")
    return str(int(key))


def _number(value: float) -> float:
    if isinstance(value, float):
        if not isfinite(value):
            raise NotJson(f"is {value!r}, which JSON cannot hold; use None instead")
        return value
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise NotJson(f"is an integer beyond 64 bits, {shown(value)}; pass it as text")
    return int(value)


def _text(value: str) -> str:
    plain = str.__str__(value)  # str() would return the name of a member of a text enumeration
    if not plain.isascii():
        try:
            plain.encode()
        except UnicodeEncodeError as error:
            raise NotJson(f"has an unpaired surrogate at character {error.start}") from None
    return plain
