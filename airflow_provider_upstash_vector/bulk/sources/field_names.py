"""The names that fields have in the rows, and those that the metadata is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources.base import FAILURE_FIELD, InvalidRows

ALL_FIELDS: Final = "*"
# what a name stands for that is not a field
METADATA_PART: Final = "metadata_fields"
IGNORED: Final = ""
# in ``failure``: the fields that JSON could not hold
CHANGED: Final = "changed"


class Fields(dict[str, str]):
    """The field for each name in a row; ``other`` is that of every other name, ``None`` for an error."""

    def __init__(self, by_name: Mapping[str, str], other: str | None) -> None:
        super().__init__(by_name)
        self.other = other


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """The names that fields have in the rows.

    The metadata also gets the fields named in ``metadata_fields``, or with ``"*"`` all that are no other field.
    """

    id: str = "id"
    vector: str = "vector"
    sparse_vector: str = "sparse_vector"
    data: str = "data"
    metadata: str = "metadata"
    metadata_update_mode: str = "metadata_update_mode"
    namespace: str = "namespace"
    metadata_fields: Sequence[str] | None = None

    def __post_init__(self) -> None:
        names = [getattr(self, field) for field in UPDATE_FIELDS]
        if self.metadata_fields is not None and self.metadata_fields != ALL_FIELDS:
            object.__setattr__(self, "metadata_fields", _listed(self.metadata_fields))
            names += self.metadata_fields
        if not all(isinstance(name, str) and name for name in names):
            raise InvalidRows("field names must be non-empty text")
        if FAILURE_FIELD in names:
            raise InvalidRows(f"no field can be named {FAILURE_FIELD!r}: failures are written under that name")
        if len({*names}) != len(names):
            raise InvalidRows(f"two fields have the same name among {', '.join(names)}")

    def by_name(self) -> Fields:
        """Return the update's field for each name in a row, the service's own spelling included."""
        own = {getattr(self, field): field for field in UPDATE_FIELDS}
        services = {"sparseVector": "sparse_vector", "metadataUpdateMode": "metadata_update_mode"}
        if self.metadata_fields is None:
            return Fields({**services, **own}, None)
        if self.metadata_fields == ALL_FIELDS:
            return Fields({**services, **own}, METADATA_PART)
        return Fields({**services, **own, **dict.fromkeys(self.metadata_fields, METADATA_PART)}, IGNORED)


def changed_fields(row: Mapping[Any, Any]) -> list[Any]:
    """Return the fields of a line of a failures file that still hold what was written in place of their value."""
    failure = row.get(FAILURE_FIELD)
    changed = failure.get(CHANGED) if isinstance(failure, Mapping) else None
    if not isinstance(changed, list | tuple):
        return []
    return [name for name in changed if isinstance(name, str) and _is_replaced(row.get(name))]


def _is_replaced(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], str)


UPDATE_FIELDS: Final = tuple(field.name for field in fields(FieldNames) if field.name != METADATA_PART)


def _listed(names: object) -> tuple[str, ...]:
    if isinstance(names, list | tuple) and names:
        return tuple(names)
    instead = f"; write [{names!r}]" if names and isinstance(names, str) else ""
    raise InvalidRows(f'metadata_fields must be a list of names, or "*" for all, got {names!r}{instead}')
