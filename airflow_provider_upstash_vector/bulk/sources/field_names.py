"""The names that fields have in the rows, and those that the metadata is built from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from airflow_provider_upstash_vector.bulk.sources.base import FAILURE_FIELD, InvalidRows
from airflow_provider_upstash_vector.bulk.sources.field_paths import FieldPath
from airflow_provider_upstash_vector.bulk.sources.id_template import IdTemplate

ALL_FIELDS: Final = "*"
# what a name stands for that is not a field: a part of the metadata, what has a field or more at some depth, and a
# value for the id
METADATA_PART: Final = "metadata_fields"
PATH_ROOT: Final = "path"
TEMPLATE_PART: Final = "id_template"
NOT_FIELDS: Final = frozenset({METADATA_PART, PATH_ROOT, TEMPLATE_PART})
IGNORED: Final = ""
# in ``failure``: the fields that JSON could not hold
CHANGED: Final = "changed"


class Fields(dict[str, str]):
    """The field for each name in a row; ``other`` is that of every other name, ``None`` for an error.

    ``paths`` are those names that are also paths to values at some depth; ``template`` are the values in the id.
    """

    def __init__(
        self, by_name: Mapping[str, str], other: str | None, template: Sequence[FieldPath] | None = None
    ) -> None:
        super().__init__(by_name)
        found = map(FieldPath.of, by_name)
        self.paths = {path.text: path for path in found if path is not None and path.is_nested}
        self.template = template
        is_strict = other is None and not self.paths and template is None
        self.other = None if is_strict else other or IGNORED
        roots = {path.root: PATH_ROOT for path in self.paths.values()}
        if other != METADATA_PART:
            roots |= {path.root: PATH_ROOT if path.is_nested else TEMPLATE_PART for path in template or ()}
        self.update({root: kind for root, kind in roots.items() if root not in self})

    def held(self, columns: Collection[str]) -> set[str]:
        """Return the fields that a table with these columns may have, at whatever depth; the id if it is made."""
        held = {self[name] for name in columns if name in self}
        held |= {self[name] for name, path in self.paths.items() if path.root in columns}
        is_made = self.template is not None and not self.missing(columns, TEMPLATE_PART)
        return {*held, "id"} if is_made else held

    def missing(self, columns: Collection[str], option: str) -> list[str]:
        """Return what ``metadata_fields`` or ``id_template`` names and no column holds."""
        if option == TEMPLATE_PART:
            named = [path.text for path in self.template or ()]
        else:
            named = [name for name, field in self.items() if field == METADATA_PART]
        roots = {name: path.root for name in named if (path := FieldPath.of(name))}
        return [name for name in named if name not in columns and roots.get(name) not in columns]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """The names that fields have in the rows.

    A name may be a path to a value at some depth, such as ``response.body.data[0].embedding``. The metadata also
    gets the fields named in ``metadata_fields``, or with ``"*"`` all that are no other field. ``id_template``
    makes the id from other fields.
    """

    id: str = "id"
    vector: str = "vector"
    sparse_vector: str = "sparse_vector"
    data: str = "data"
    metadata: str = "metadata"
    metadata_update_mode: str = "metadata_update_mode"
    namespace: str = "namespace"
    metadata_fields: Sequence[str] | None = None
    id_template: str | None = None

    def __post_init__(self) -> None:
        names = [getattr(self, field) for field in UPDATE_FIELDS]
        if self.metadata_fields is not None and self.metadata_fields != ALL_FIELDS:
            object.__setattr__(self, "metadata_fields", _listed(self.metadata_fields))
            names += self.metadata_fields
        if not all(isinstance(name, str) and name for name in names):
            raise InvalidRows("field names must be non-empty text")
        if FAILURE_FIELD in {path.root for path in map(FieldPath.of, names) if path}:
            raise InvalidRows(f"no field can be named {FAILURE_FIELD!r}: failures are written under that name")
        if len({*names}) != len(names):
            raise InvalidRows(f"two fields have the same name among {', '.join(names)}")
        self.template()  # raises an error for an invalid one

    def template(self) -> IdTemplate | None:
        """Return the template of the ids."""
        return None if self.id_template is None else IdTemplate(self.id_template)

    def by_name(self) -> Fields:
        """Return the update's field for each name in a row, the service's own spelling included."""
        own = {getattr(self, field): field for field in UPDATE_FIELDS}
        services = {"sparseVector": "sparse_vector", "metadataUpdateMode": "metadata_update_mode"}
        template = self.template()
        paths = None if template is None else template.paths
        if self.metadata_fields is None:
            return Fields({**services, **own}, None, paths)
        if self.metadata_fields == ALL_FIELDS:
            return Fields({**services, **own}, METADATA_PART, paths)
        parts = dict.fromkeys(self.metadata_fields, METADATA_PART)
        return Fields({**services, **own, **parts}, IGNORED, paths)


def changed_fields(row: Mapping[Any, Any]) -> list[Any]:
    """Return the fields of a line of a failures file that still hold what was written in place of their value."""
    failure = row.get(FAILURE_FIELD)
    changed = failure.get(CHANGED) if isinstance(failure, Mapping) else None
    if not isinstance(changed, list | tuple):
        return []
    return [name for name in changed if isinstance(name, str) and _is_replaced(row.get(name))]


def _is_replaced(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], str)


UPDATE_FIELDS: Final = tuple(field.name for field in fields(FieldNames) if field.name not in NOT_FIELDS)


def _listed(names: object) -> tuple[str, ...]:
    if isinstance(names, list | tuple) and names:
        return tuple(names)
    instead = f"; write [{names!r}]" if names and isinstance(names, str) else ""
    raise InvalidRows(f'metadata_fields must be a list of names, or "*" for all, got {names!r}{instead}')
