"""Updates: change parts of a stored vector, one vector a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded, Operation, Paths, check_only, fragment
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from airflow_provider_upstash_vector.client.models import IndexInfo, VectorUpdate
from airflow_provider_upstash_vector.client.wire.call import count

_OUTCOMES = (Outcome.MISSING,), (Outcome.UPDATED,)


class Update(Operation):
    """``/update``, which takes one vector, and reports how many exist.

    ``metadata_update_mode`` is for rows that set none.
    """

    name = "update"
    max_rows = 1
    max_bytes = 0

    def __init__(
        self,
        names: FieldNames,
        *,
        namespace: str = "",
        metadata_update_mode: str | None = None,
        index: IndexInfo | None = None,
    ) -> None:
        super().__init__(names, namespace=namespace, index=index)
        self._mode = _mode(metadata_update_mode)
        self._paths = Paths("update")

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with one row."""
        return fragments[0]

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:  # noqa: ARG002 - always one
        """Return the outcome of the row. Raises ``ValueError`` if the result is not as documented."""
        return _OUTCOMES[min(count(result, "updated"), 1)]

    def _of_model(self, row: object) -> dict[str, Any] | None:
        if not isinstance(row, VectorUpdate):
            return None
        if self._mode == "PATCH" and row.metadata_update_mode is None:
            row.check_patch()
        return {name: getattr(row, name) for name in VectorUpdate.model_fields}

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        name, path = self._paths(namespace)
        if self._index is not None:
            check_only(self._index, parts.get("vector"), parts.get("sparse_vector"))
        fields: dict[str, Any] = {"id": id, **self._vectors(parts)}
        if (data := parts.get("data")) is not None:
            fields["data"] = validation.data(data)
        mode = self._mode_of(parts)
        if (metadata := parts.get("metadata")) is not None:
            fields["metadata"] = orjson.Fragment(metadata_json(metadata, patch=mode == "PATCH"))
        validation.check_update(changes=len(fields) > 1)
        if mode is not None and metadata is not None:
            fields["metadataUpdateMode"] = mode
        return Encoded(name, id, path, fragment(fields))

    def _mode_of(self, parts: dict[str, Any]) -> str | None:
        own_mode = parts.get("metadata_update_mode")
        return self._mode if own_mode is None else _mode(own_mode)

    def _deletes_nulls(self, parts: dict[str, Any]) -> bool:
        return self._mode_of(parts) == "PATCH"


def _mode(mode: object) -> str | None:
    return validation.choice(mode, "metadata_update_mode", "OVERWRITE", "PATCH")
