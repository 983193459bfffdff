"""Upserts: write whole vectors, many in a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import (
    Encoded,
    Operation,
    Paths,
    WrongIndex,
    check_only,
    fragment,
)
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from airflow_provider_upstash_vector.client.models import Data, IndexInfo, Vector
from airflow_provider_upstash_vector.client.wire.call import success
from airflow_provider_upstash_vector.client.wire.writes import MAX_BODY_BYTES, MAX_ITEMS


class Upsert(Operation):
    """``/upsert`` for rows with a vector, ``/upsert-data`` for rows with only a text, which the index embeds.

    They replace the whole vector: data and metadata that a row does not have are gone.
    """

    name = "upsert"
    max_rows = MAX_ITEMS
    max_bytes = MAX_BODY_BYTES

    def __init__(self, names: FieldNames, *, namespace: str = "", index: IndexInfo | None = None) -> None:
        super().__init__(names, namespace=namespace, index=index)
        self._paths, self._data_paths = Paths("upsert"), Paths("upsert-data")

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with these rows."""
        return b"[" + b",".join(fragments) + b"]"

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:
        """Return the outcome of each row. Raises ``ValueError`` if the result is not as documented."""
        success(result)
        return (Outcome.UPDATED,) * rows

    def _of_model(self, row: object) -> dict[str, Any] | None:
        return dict(vars(row)) if isinstance(row, Vector | Data) else None

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        vector, sparse, data = (parts.get(name) for name in ("vector", "sparse_vector", "data"))
        if "metadata_update_mode" in parts:
            raise InvalidRequest("metadata_update_mode", "is for updates: an upsert replaces all metadata")
        embedded = vector is None and sparse is None
        if embedded and data is None:
            raise InvalidRequest("vector", "set vector, sparse_vector or both; or data, if the index embeds it")
        if self._index is not None:
            _check_index(self._index, vector, sparse, embedded=embedded)
        name, path = (self._data_paths if embedded else self._paths)(namespace)
        fields: dict[str, Any] = {"id": id, **self._vectors(parts)}
        if data is not None:
            fields["data"] = validation.data(data)
        if (metadata := parts.get("metadata")) is not None:
            fields["metadata"] = orjson.Fragment(metadata_json(metadata))
        return Encoded(name, id, path, fragment(fields))


def _check_index(index: IndexInfo, vector: object, sparse: object, *, embedded: bool) -> None:
    if not embedded:
        check_only(index, vector, sparse)
    elif not index.embeds:
        raise WrongIndex("vector", "is missing: the index has no model that embeds data")
