"""Whether an update would change stored metadata, by the rules of the service. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MISSING: Final = object()


def changes_metadata(stored: Mapping[str, Any] | None, metadata: Mapping[str, Any], *, patch: bool) -> bool:
    """Return whether an update with ``metadata`` changes what is stored; numbers are compared by value.

    A ``patch`` merges, by RFC 7396: ``None`` deletes a field, objects are merged, arrays are replaced. Otherwise
    ``metadata`` replaces all that is stored. No metadata are the same as an empty object.
    """
    stored = stored or {}
    return _patch_changes(stored, metadata) if patch else not same_json(stored, metadata)


def _patch_changes(stored: Any, patch: Mapping[str, Any]) -> bool:
    if not isinstance(stored, dict):
        return True  # an object replaces any other value
    for name, value in patch.items():
        found = stored.get(name, _MISSING)
        if value is None:
            changes = found is not _MISSING
        elif isinstance(value, dict):
            changes = _patch_changes(found, value)
        else:
            changes = not same_json(found, value)
        if changes:
            return True
    return False


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
