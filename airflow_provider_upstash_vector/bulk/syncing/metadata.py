"""Comparison of metadata by value, and the patch that makes stored metadata those of a row. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

import orjson

_BYTES = 16
_PLAIN = {str, bool, int, type(None)}
TOO_DEEP = b""  # the digest of metadata that cannot be compared


def without(metadata: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the metadata without the keys ``names``."""
    return {name: value for name, value in metadata.items() if name not in names}


def digest_of(metadata: Mapping[str, Any]) -> bytes:
    """Return a digest that is the same for equal metadata: numbers by value, objects in any order."""
    try:
        return blake2b(_canonical(metadata), digest_size=_BYTES).digest()
    except RecursionError:
        return TOO_DEEP


def _canonical(value: Any) -> bytes:
    plain = _plain(value)
    try:
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, or nested too deeply for orjson
        return json.dumps(plain, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """Return the value with whole numbers as integers: 1.0 is 1, and no boolean."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value]


def merge_patch(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the JSON Merge Patch (RFC 7396) from ``stored`` to ``wanted``.

    ``None`` if there is none: with null, which a patch cannot set, in an object that is to change.
    """
    patch: dict[str, Any] = dict.fromkeys(stored.keys() - wanted.keys())
    for name, value in wanted.items():
        old = stored.get(name)
        if name in stored and _canonical(old) == _canonical(value):
            continue
        if isinstance(value, Mapping):
            nested = merge_patch(old if isinstance(old, Mapping) else {}, value)
            if nested is None:
                return None
            patch[name] = nested
        elif value is None:
            return None
        else:
            patch[name] = value
    return patch
