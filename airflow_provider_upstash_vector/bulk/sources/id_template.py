"""Ids from the fields of rows, such as ``{metadata.file_path}#{index}``: look-ups, never evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_upstash_vector.bulk.sources.base import (
    FAILURE_FIELD,
    InvalidRows,
    RejectedRow,
)
from airflow_provider_upstash_vector.bulk.sources.field_paths import MISSING, FieldPath
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.validation import identifier, shown

_INDEX = "index"
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_BRACES = {"{{": "{", "}}": "}"}
# of a rejection; a line of the failures file with it has an id that no template made
_OWN_ID = "id_field"
# of another; the line's id, if the template uses that, is not the row's yet
_TEMPLATE = "id_template"


class IdTemplate:
    """A template: literal text, ``{path}`` for a value of the row, ``{index}``, and ``{{`` and ``}}`` for braces.

    Raises :class:`InvalidRows` if it is not one, or if all rows would have the same id. ``paths`` are the values
    that it inserts; ``counts`` is whether it has ``{index}``.
    """

    def __init__(self, template: object) -> None:
        if not isinstance(template, str):
            raise InvalidRows(f"id_template must be text, got {shown(template)}")
        self._parts: list[str | FieldPath | None] = []  # None is the index
        end = 0
        for token in _TOKEN.finditer(template):
            self._parts += [template[end : token.start()], _part(token[0], token[1])]
            end = token.end()
        self._parts.append(template[end:])
        self.paths = [part for part in self._parts if isinstance(part, FieldPath)]
        self.counts = None in self._parts
        if not self.paths and not self.counts:
            raise InvalidRows(
                f"id_template must have a field of the rows, such as {{metadata.file}}, got {template!r}"
            )

    def values(self, row: Mapping[Any, Any]) -> list[str]:
        """Return the texts of the values that it inserts. Raises ``InvalidRequest`` if one is missing."""
        texts = []
        for path in self.paths:
            value = path.value(row)
            if value is None or value is MISSING:
                raise InvalidRequest("id_template", f"the row has no {path.text!r}")
            try:
                texts.append(identifier(value, path.text))
            except InvalidRequest as error:
                raise InvalidRequest("id_template", f"{path.text!r} {error.reason}") from None
        return texts

    def id(self, values: Sequence[str], index: int) -> str:
        """Return the id with these values."""
        texts = iter(values)
        return "".join(
            part if isinstance(part, str) else str(index) if part is None else next(texts) for part in self._parts
        )


def _part(token: str, name: str | None) -> str | FieldPath | None:
    if name is None:
        if token not in _BRACES:
            raise InvalidRows(f"id_template has a single {token!r}; write {token * 2!r} for the character itself")
        return _BRACES[token]
    if name == _INDEX:
        return None
    path = FieldPath.of(name)
    if path is None or name != name.strip() or name.startswith((f"{_INDEX}:", f"{_INDEX}!")):
        raise InvalidRows(f"id_template takes names with dots and [n], without formats, in braces, got {token!r}")
    return path


class TemplateIds:
    """Gives each row of a source its id; ``{index}`` counts adjacent rows with the same other values, from 0.

    A row with an id of its own, in ``id_field``, is rejected unless the template uses that. A line of a failures
    file keeps the id that its row had.
    """

    def __init__(self, template: IdTemplate, id_field: str) -> None:
        self._template = template
        self._id_field = id_field
        self._id_path = FieldPath.of(id_field)
        self._uses_id = any(path.text == id_field for path in template.paths)
        self._values: Sequence[str] | None = None
        self._index = 0

    def __call__(self, row: object) -> object:
        """Return a row with its id, or a :class:`RejectedRow`; models and what is not a row stay as they are."""
        if not isinstance(row, Mapping) or isinstance(row, RejectedRow):
            return row
        try:
            return self._identified(row)
        except Exception as error:  # noqa: BLE001 - a mapping of the row's own
            return RejectedRow(row, error)

    def _identified(self, row: Mapping[Any, Any]) -> Mapping[Any, Any]:
        own = self._id_path.value(row) if self._id_path else row.get(self._id_field)
        has_own = own is not None and own is not MISSING
        failure = row.get(FAILURE_FIELD)
        if isinstance(failure, Mapping) and failure.get("field") != _OWN_ID:
            is_part = self._uses_id and failure.get("field") == _TEMPLATE
            if has_own and not is_part:
                return row
            if self._template.counts:
                fix = "write its whole id, and run it without id_template" if is_part else "add the row's id"
                reason = f"the index of a line of a failures file is unknown: {fix}"
                raise InvalidRequest(_TEMPLATE, reason)
        if has_own and not self._uses_id:
            reason = f"the row has an id of its own, {shown(own)}: set id_field to another name, or no id_template"
            raise InvalidRequest(_OWN_ID, reason)
        values = self._template.values(row)
        self._index = self._index + 1 if values == self._values else 0
        self._values = values
        return {**row, self._id_field: self._template.id(values, self._index)}
