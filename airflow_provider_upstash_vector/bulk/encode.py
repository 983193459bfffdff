"""A row turned into the request that sends it, or into the reason why it cannot be sent. Pure.

The rules are those of :class:`~airflow_provider_upstash_vector.client.VectorUpdate`, from the same functions; the
bytes are made without its models, which would cost as much time as sending them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.sources import FAILURE_FIELD, FieldNames, Unreadable
from airflow_provider_upstash_vector.client import fields
from airflow_provider_upstash_vector.client.errors import InvalidUpdate
from airflow_provider_upstash_vector.client.models import IndexInfo, SparseVector, VectorUpdate
from airflow_provider_upstash_vector.client.wire.call import path

_MOST_PATHS = 10_000
_NUMBERS = orjson.OPT_SERIALIZE_NUMPY


class WrongIndex(InvalidUpdate):
    """The row's vector is not of the index's dimension or type: so are, most likely, all others."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request that is ready to be sent."""

    namespace: str
    id: str
    path: str
    body: bytes


class Encoder:
    """Encodes rows: mappings under the names given, or :class:`VectorUpdate` objects.

    ``namespace`` and ``metadata_update_mode`` are for rows that give none. With ``index`` vectors are checked
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
        self._namespace = fields.text(namespace, "namespace")
        self._mode = _mode(metadata_update_mode)
        self._index = index
        self._paths: dict[str, str] = {}

    def encode(self, row: object) -> Encoded:
        """Return the request for a row. Raises :class:`InvalidUpdate`, :class:`WrongIndex` among them."""
        if isinstance(row, VectorUpdate):
            parts: dict[str, Any] = {name: getattr(row, name) for name in type(row).model_fields}
            namespace = self._namespace
        else:
            parts = self._parts(row)
            namespace = parts.get("namespace", self._namespace)
        id = fields.vector_id(parts.get("id"))
        return Encoded(namespace, id, self._path(namespace), self._body(id, parts))

    def _parts(self, row: object) -> dict[str, Any]:
        """Return the fields that are given by the names that updates have for them."""
        if isinstance(row, Unreadable):
            raise InvalidUpdate("row", row.reason)
        if not isinstance(row, Mapping):
            raise InvalidUpdate("row", f"must be an object with the fields of an update, got {fields.shown(row)}")
        names = self._names
        parts = {}
        for name, value in row.items():
            field = names.get(name)
            if field is None:
                if name != FAILURE_FIELD:
                    raise InvalidUpdate(str(name), "there is no such field")
            elif value is not None:
                parts[field] = value
        return parts

    def _path(self, namespace: str) -> str:
        try:
            return self._paths[namespace]
        except (KeyError, TypeError):
            if len(self._paths) >= _MOST_PATHS:
                self._paths.clear()
            found = self._paths[namespace] = path("update", namespace)
            return found

    def _body(self, id: str, parts: dict[str, Any]) -> bytes:
        body = [b'{"id":', orjson.dumps(id)]
        vector, sparse = parts.get("vector"), parts.get("sparse_vector")
        if self._index is not None:
            self._check_type(self._index, vector, sparse)
        if vector is not None:
            array = fields.dense_vector(vector)
            if self._index is not None and array.size != self._index.dimension:
                reason = f"has {array.size:,} dimensions, the index {self._index.dimension:,}"
                raise WrongIndex("vector", reason)
            body += (b',"vector":', orjson.dumps(array, option=_NUMBERS))
        if sparse is not None:
            wire = SparseVector.from_parts(sparse).wire_fields()
            body += (b',"sparseVector":', orjson.dumps(wire, option=_NUMBERS))
        if (data := parts.get("data")) is not None:
            body += (b',"data":', orjson.dumps(fields.data(data)))
        if (metadata := parts.get("metadata")) is not None:
            body += (b',"metadata":', fields.metadata_json(metadata))
        changes = len(body) > 2
        given = parts.get("metadata_update_mode")
        mode = self._mode if given is None and metadata is not None else _mode(given)
        fields.check_update(changes=changes, mode=mode, metadata=metadata is not None)
        if mode is not None:
            body += (b',"metadataUpdateMode":"', mode.encode(), b'"')
        body.append(b"}")
        return b"".join(body)

    def _check_type(self, index: IndexInfo, vector: object, sparse: object) -> None:
        if index.index_type == "DENSE" and sparse is not None:
            raise WrongIndex("sparse_vector", "is given, but the index is DENSE")
        if index.index_type == "SPARSE" and vector is not None:
            raise WrongIndex("vector", "is given, but the index is SPARSE")
        if index.index_type == "HYBRID" and (vector is None) != (sparse is None):
            missing = "sparse_vector" if sparse is None else "vector"
            raise WrongIndex(missing, "is missing: a HYBRID index takes both vectors or neither")


def _mode(mode: object) -> str | None:
    return fields.choice(mode, "metadata_update_mode", "OVERWRITE", "PATCH")
