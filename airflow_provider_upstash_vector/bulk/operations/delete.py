"""Deletes: remove vectors by their ids, many in a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded, Operation, Paths
from airflow_provider_upstash_vector.bulk.options import BulkArguments, BulkOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.sources.field_names import IGNORED, Fields
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire.call import count
from airflow_provider_upstash_vector.client.wire.writes import MAX_BODY_BYTES, MAX_ITEMS


class Delete(Operation):
    """``/delete`` by ids, which reports how many existed, but not which.

    A row has an id, and its other fields but the namespace are ignored; or it is an id.
    """

    name = "delete"
    done = "deleted"
    max_rows = MAX_ITEMS
    max_bytes = MAX_BODY_BYTES

    def __init__(self, names: FieldNames, *, namespace: str = "", index: IndexInfo | None = None) -> None:
        super().__init__(names, namespace=namespace, index=index)
        self._paths = Paths("delete")

    def _by_name(self, names: FieldNames) -> Fields:
        return Fields({names.id: "id", names.namespace: "namespace"}, IGNORED)

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with these rows."""
        return b'{"ids":[' + b",".join(fragments) + b"]}"

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:
        """Return as many rows as existed as done, whichever they were, and the others as missing.

        Raises ``ValueError`` if the result is not as documented.
        """
        deleted = min(count(result, "deleted"), rows)
        return (Outcome.DONE,) * deleted + (Outcome.MISSING,) * (rows - deleted)

    def _of_model(self, row: object) -> dict[str, Any] | None:
        return {"id": row} if isinstance(row, str | int | UUID) else None

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:  # noqa: ARG002 - id is all
        name, path = self._paths(namespace)
        return Encoded(name, id, path, orjson.dumps(id))


@dataclass(frozen=True, kw_only=True)
class DeleteOptions(BulkOptions):
    """The options of deletes. Raises ``ValueError`` for an invalid value."""

    operation_type = Delete


class DeleteArguments(BulkArguments, total=False):
    """The keyword arguments of :class:`DeleteOptions`."""
