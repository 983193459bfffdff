"""Upserts: write whole vectors, many in a request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import (
    Encoded,
    Operation,
    Paths,
    WrongIndex,
    check_only,
    fragment,
)
from airflow_provider_upstash_vector.bulk.options import VectorRowArguments, VectorRowOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import RetryPolicy, validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from airflow_provider_upstash_vector.client.models import Data, FetchedVector, IndexInfo, Vector
from airflow_provider_upstash_vector.client.wire.call import success
from airflow_provider_upstash_vector.client.wire.writes import MAX_BODY_BYTES, MAX_ITEMS

IfNotEmpty = Literal["fail", "merge"]

_MAX_NAMES_SHOWN = 5


class Upsert(Operation):
    """``/upsert`` for rows with a vector, ``/upsert-data`` for rows with only a text, which the index embeds.

    They replace the whole vector: data and metadata that a row does not have are gone.
    """

    name = "upsert"
    done = "upserted"
    max_rows = MAX_ITEMS
    max_bytes = MAX_BODY_BYTES - MAX_ITEMS - 1  # without the brackets and commas of the body

    def __init__(
        self, names: FieldNames, *, namespace: str = "", index: IndexInfo | None = None, embeds: bool = False
    ) -> None:
        super().__init__(names, namespace=namespace, index=index, embeds=embeds)
        self._paths, self._data_paths = Paths("upsert"), Paths("upsert-data")

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with these rows."""
        rows = [b"[" + fragments[0], *fragments[1:]]
        rows[-1] += b"]"
        return b",".join(rows)  # of a megabyte, copied once

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:
        """Return the outcome of each row. Raises ``ValueError`` if the result is not as documented."""
        success(result)
        return (Outcome.DONE,) * rows

    def replaced(self, fragment: bytes) -> dict[str, Any] | None:
        """Return the fields of a row: it replaces the whole vector."""
        fields: dict[str, Any] = orjson.loads(bytes(fragment))  # it takes no subclass
        return fields

    def warning(self, fields: dict[str, Any], stored: FetchedVector) -> str | None:
        """Return which parts of the stored vector the row does not have."""
        removed = [] if stored.data is None or "data" in fields else ["its data"]
        names = (stored.metadata or {}).keys() - fields.get("metadata", {})
        removed += [f"{name!r} of its metadata" for name in sorted(names)[:_MAX_NAMES_SHOWN]]
        if not removed:
            return None
        return (
            f"An upsert replaces the whole vector: it removes {', '.join(removed)}, which the rows do not have. "
            "To keep them, add them to the rows, or update the vectors instead."
        )

    def _of_model(self, row: object) -> dict[str, Any] | None:
        return dict(vars(row)) if isinstance(row, Vector | Data) else None

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        vector, sparse, data = parts.get("vector"), parts.get("sparse_vector"), parts.get("data")
        if "metadata_update_mode" in parts:
            raise InvalidRequest("metadata_update_mode", "is for updates: an upsert replaces all metadata")
        text = self._text_to_embed(parts) if self._embeds else None
        embedded = vector is None and sparse is None and text is None
        if embedded and data is None:
            raise InvalidRequest("vector", "set vector, sparse_vector or both; or data, if the index embeds it")
        if self._index is not None:
            _check_index(self._index, vector if text is None else text, sparse, embedded=embedded)
        name, path = (self._data_paths if embedded else self._paths)(namespace)
        fields = self._fields(id, parts)
        if data is not None:
            fields["data"] = validation.data(data)
        if (metadata := parts.get("metadata")) is not None:
            fields["metadata"] = orjson.Fragment(metadata_json(metadata))
        return Encoded(name, id, path, fragment(fields, text))


def _check_index(index: IndexInfo, vector: object, sparse: object, *, embedded: bool) -> None:
    if not embedded:
        check_only(index, vector, sparse)
    elif not index.embeds:
        raise WrongIndex("vector", "is missing: the index has no model that embeds data")


@dataclass(frozen=True, kw_only=True)
class UpsertOptions(VectorRowOptions):
    """The options of upserts. Raises ``ValueError`` for an invalid value."""

    operation_type = Upsert

    max_rows_per_request: Annotated[
        int, "1 to 1,000; a request also ends at 1 MB, which is some 60 rows of 1,536 dimensions"
    ] = MAX_ITEMS
    request_timeout_seconds: Annotated[
        float, "for each request of up to 1,000 rows, over which the service may take minutes"
    ] = 600.0
    if_not_empty: Annotated[
        IfNotEmpty | None,
        "if there are vectors in the namespace, or those of an export: ``merge`` adds to them, ``fail`` sends "
        "nothing, and rejects rows of other namespaces; a run that resumes does not check again; by default "
        "``fail`` for an export and ``merge`` for other rows",
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        validation.whole_number(self.max_rows_per_request, "max_rows_per_request", MAX_ITEMS)

    def empty_namespaces(self, exported: Collection[str] | None = None) -> frozenset[str] | None:
        """Return the namespaces that must be empty at the start, and the only ones of rows; any if ``None``.

        If the rows are those of an export, its namespaces are ``exported``.
        """
        default = "merge" if exported is None else "fail"
        fails = (self.if_not_empty or default) == "fail"
        return frozenset({self.namespace} if exported is None else exported) if fails else None

    @property
    def max_rows(self) -> int:
        """The rows that a request may have."""
        return self.max_rows_per_request

    def policy(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the policy of requests with rows, which have time for one that takes too long."""
        seconds = self.request_timeout_seconds
        total_seconds = policy.total_timeout_seconds + seconds
        return replace(policy, request_timeout_seconds=seconds, total_timeout_seconds=total_seconds)


class UpsertArguments(VectorRowArguments, total=False):
    """The keyword arguments of :class:`UpsertOptions`."""

    max_rows_per_request: int
    request_timeout_seconds: float
    if_not_empty: IfNotEmpty | None
