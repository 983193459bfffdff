"""Encoding of a row as a request, or the reason why it cannot be sent. Pure.

Rows are validated by the functions that :class:`~airflow_provider_upstash_vector.client.VectorUpdate` uses, but
without its model, which would take as long as sending them.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded
from airflow_provider_upstash_vector.bulk.sources import (
    FAILURE_FIELD,
    FieldNames,
    InvalidJson,
    InvalidValue,
    Unreadable,
)
from airflow_provider_upstash_vector.bulk.sources.field_names import IGNORED, METADATA_PART, changed_fields
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from airflow_provider_upstash_vector.client.models import IndexInfo, SparseVector, VectorUpdate
from airflow_provider_upstash_vector.client.wire.call import path
from airflow_provider_upstash_vector.plurals import plural

_MAX_PATHS = 10_000
_MAX_RAISED_CHARS = 200
_NUMBERS = orjson.OPT_SERIALIZE_NUMPY


class WrongIndex(InvalidRequest):
    """The vector's dimension or type is not the index's, most likely in all other rows too."""


class Encoder:
    """Encodes rows: mappings with the fields ``names``, or :class:`VectorUpdate` objects.

    ``namespace`` and ``metadata_update_mode`` are for rows that set none. If ``index`` is set, vectors are checked
    against its dimension and type.
    """

    def __init__(
        self,
        names: FieldNames,
        *,
        namespace: str = "",
        metadata_update_mode: str | None = None,
        index: IndexInfo | None = None,
    ) -> None:
        self._names = names.by_name()
        self._namespace = namespace
        self._mode = _mode(metadata_update_mode)
        self._index = index
        self._namespaces: dict[str, tuple[str, str]] = {}
        self._namespace_and_path(namespace)

    def encode(self, row: object) -> Encoded:
        """Return the request for a row. Raises :class:`InvalidRequest`, or its subclass :class:`WrongIndex`."""
        try:
            return self._encode(row)
        except InvalidRequest:
            raise
        except Exception as error:  # a row may have code of its own, and any depth
            raised = "".join(traceback.format_exception_only(error)).strip()[:_MAX_RAISED_CHARS]
            raise InvalidRequest("row", f"cannot be encoded: {raised}") from error

    def _encode(self, row: object) -> Encoded:
        if isinstance(row, VectorUpdate):
            parts: dict[str, Any] = {name: getattr(row, name) for name in VectorUpdate.model_fields}
            if self._mode == "PATCH" and row.metadata_update_mode is None:
                row.check_patch()
        else:
            parts = self._parts(row)
        id = parts.get("id")
        if id is None:
            raise InvalidRequest("id", "is required")
        id = validation.vector_id(id)
        namespace, path = self._namespace_and_path(parts.get("namespace", self._namespace))
        return Encoded(namespace, id, path, self._body(id, parts))

    def _parts(self, row: object) -> dict[str, Any]:
        """Return the fields that are set, by their names in updates."""
        if not isinstance(row, Mapping):
            if isinstance(row, Unreadable):
                raise InvalidRequest("row", row.reason)
            raise InvalidRequest(
                "row", f"must be an object with the fields of an update, got {validation.shown(row)}"
            )
        names = self._names
        parts: dict[str, Any] = {}
        metadata: dict[Any, Any] = {}
        for name, value in row.items():
            field = names.get(name)
            if field is None:
                field = IGNORED if name == FAILURE_FIELD else names.other
            if field is None:
                raise InvalidRequest(str(name), "there is no such field")
            if field and (type(value) is InvalidJson or type(value) is InvalidValue):
                raise InvalidRequest(str(name) if field == METADATA_PART else field, value.reason)
            if field == METADATA_PART:
                metadata[name] = value
            elif value is not None and field:
                parts[field] = value
        if len(parts) + len(metadata) < len(row):
            self._reject_duplicates(row)
        return self._with_metadata(parts, metadata, row) if metadata else parts

    def _with_metadata(
        self, parts: dict[str, Any], added: dict[Any, Any], row: Mapping[Any, Any]
    ) -> dict[str, Any]:
        """Return the fields of a row with ``added`` to the metadata."""
        for name in changed_fields(row) if FAILURE_FIELD in row else ():
            if name in added:
                reason = f"holds the text of a value that JSON cannot hold, {validation.shown(added[name][0])}"
                raise InvalidRequest(
                    name, f"{reason}: correct it, and remove its name from 'changed' of 'failure'"
                )
        metadata = parts.get("metadata", {})
        if not isinstance(metadata, Mapping):
            return parts  # which is rejected for it
        for name, value in added.items():
            if name in metadata:
                raise InvalidRequest(str(name), "is given twice, by itself and in the metadata")
            if value is None and _mode(parts.get("metadata_update_mode", self._mode)) == "PATCH":
                reason = "is null, with which PATCH would delete it: leave it out, or delete it with metadata"
                raise InvalidRequest(str(name), reason)
        return {**parts, "metadata": {**metadata, **added}}

    def _reject_duplicates(self, row: Mapping[Any, Any]) -> None:
        """Raise :class:`InvalidRequest` if a field is set under both of its names."""
        seen = set()
        for name, value in row.items():
            field = self._names.get(name)
            if field not in {None, METADATA_PART} and value is not None:
                if field in seen:
                    raise InvalidRequest(field, "is given twice")
                seen.add(field)

    def _namespace_and_path(self, namespace: object) -> tuple[str, str]:
        """Return a namespace as plain text, and the path of updates in it."""
        try:
            return self._namespaces[namespace]  # type: ignore[index]  # what is not text is rejected below
        except (KeyError, TypeError):
            name = validation.identifier(namespace, "namespace")
            resolved = name, path("update", name)
            if len(self._namespaces) >= _MAX_PATHS:
                self._namespaces.clear()
            self._namespaces[resolved[0]] = resolved
            return resolved

    def _body(self, id: str, parts: dict[str, Any]) -> bytes:
        body: dict[str, Any] = {"id": id}
        vector, sparse = parts.get("vector"), parts.get("sparse_vector")
        if self._index is not None:
            _check_type(self._index, vector, sparse)
        if vector is not None:
            body["vector"] = array = validation.dense_vector(vector)
            if self._index is not None and array.size != self._index.dimension:
                reason = f"has {plural(array.size, 'dimension')}, but the index has {self._index.dimension:,}"
                raise WrongIndex("vector", reason)
        if sparse is not None:
            body["sparseVector"] = SparseVector.from_parts(sparse).wire_fields()
        if (data := parts.get("data")) is not None:
            body["data"] = validation.data(data)
        own_mode = parts.get("metadata_update_mode")
        mode = self._mode if own_mode is None else _mode(own_mode)
        if (metadata := parts.get("metadata")) is not None:
            body["metadata"] = orjson.Fragment(metadata_json(metadata, patch=mode == "PATCH"))
        validation.check_update(changes=len(body) > 1)
        if mode is not None and metadata is not None:
            body["metadataUpdateMode"] = mode
        return orjson.dumps(body, option=_NUMBERS)


def _check_type(index: IndexInfo, vector: object, sparse: object) -> None:
    if index.index_type == "DENSE" and sparse is not None:
        raise WrongIndex("sparse_vector", "is given, but the index is DENSE")
    if index.index_type == "SPARSE" and vector is not None:
        raise WrongIndex("vector", "is given, but the index is SPARSE")
    if index.index_type == "HYBRID" and (vector is None) != (sparse is None):
        missing = "sparse_vector" if sparse is None else "vector"
        raise WrongIndex(missing, "is missing: a HYBRID index takes both vectors or neither")


def _mode(mode: object) -> str | None:
    return validation.choice(mode, "metadata_update_mode", "OVERWRITE", "PATCH")
