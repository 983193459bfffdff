"""Updates: change parts of a stored vector, one vector a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson

from airflow_provider_upstash_vector.bulk.operations.base import Encoded, Operation, Paths, check_only, fragment
from airflow_provider_upstash_vector.bulk.options import VectorRowArguments, VectorRowOptions
from airflow_provider_upstash_vector.bulk.sources import FieldNames
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.metadata_json import metadata_json
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo, VectorUpdate
from airflow_provider_upstash_vector.client.wire.call import count

OnMissing = Literal["ignore", "fail", "skip"]

_OUTCOMES = (Outcome.MISSING,), (Outcome.DONE,)
# where other tools keep the text of a vector: LangChain for Python and by convention Mastra, LangChain for
# JavaScript, LlamaIndex
_TEXT_FIELDS = ("text", "_pageContentLC", "_node_content")


class Update(Operation):
    """``/update``, which takes one vector, and reports how many exist.

    ``metadata_update_mode`` is for rows that set none.
    """

    name = "update"
    done = "updated"
    max_rows = 1
    max_bytes = 0

    def __init__(
        self,
        names: FieldNames,
        *,
        namespace: str = "",
        metadata_update_mode: str | None = None,
        index: IndexInfo | None = None,
        embeds: bool = False,
    ) -> None:
        super().__init__(names, namespace=namespace, index=index, embeds=embeds)
        self._mode = _mode(metadata_update_mode)
        self._paths = Paths("update")

    def body(self, fragments: Sequence[bytes]) -> bytes:
        """Return the body of a request with one row."""
        return fragments[0]

    def outcomes(self, result: Any, rows: int) -> Sequence[Outcome]:  # noqa: ARG002 - always one
        """Return the outcome of the row. Raises ``ValueError`` if the result is not as documented."""
        return _OUTCOMES[count(result, "updated") > 0]

    def replaced(self, fragment: bytes) -> dict[str, Any] | None:
        """Return the fields of a row whose metadata replaces all that is stored."""
        fields: dict[str, Any] = orjson.loads(bytes(fragment))  # it takes no subclass
        return fields if "metadata" in fields and fields.get("metadataUpdateMode") != "PATCH" else None

    def warning(self, fields: dict[str, Any], stored: FetchedVector) -> str | None:
        """Return which fields with the text of another tool the row would remove."""
        removed = [name for name in _TEXT_FIELDS if name in (stored.metadata or {}).keys() - fields["metadata"]]
        if not removed:
            return None
        return (
            f"The updates replace all metadata, and remove {' and '.join(map(repr, removed))}, in which other "
            'tools keep the text of vectors. To keep it, set metadata_update_mode="PATCH".'
        )

    def check_embedding(self) -> None:
        """Raise :class:`InvalidRequest` also if the index embeds new data: which vector wins is unknown."""
        super().check_embedding()
        if self._index is not None and self._index.embeds:
            raise InvalidRequest("embed", "must not be set: the index embeds the data of updates itself")

    def _of_model(self, row: object) -> dict[str, Any] | None:
        if not isinstance(row, VectorUpdate):
            return None
        if self._mode == "PATCH" and row.metadata_update_mode is None:
            row.check_patch()
        return {name: getattr(row, name) for name in VectorUpdate.model_fields}

    def _encoded(self, namespace: object, id: str, parts: dict[str, Any]) -> Encoded:
        name, path = self._paths(namespace)
        text = self._text_to_embed(parts) if self._embeds else None
        if self._index is not None:
            check_only(self._index, parts.get("vector") if text is None else text, parts.get("sparse_vector"))
        fields = self._fields(id, parts)
        if (data := parts.get("data")) is not None:
            fields["data"] = validation.data(data)
        mode = self._mode_of(parts)
        if (metadata := parts.get("metadata")) is not None:
            fields["metadata"] = orjson.Fragment(metadata_json(metadata, patch=mode == "PATCH"))
        validation.check_update(changes=len(fields) > 1)
        if mode is not None and metadata is not None:
            fields["metadataUpdateMode"] = mode
        return Encoded(name, id, path, fragment(fields, text))

    def _mode_of(self, parts: dict[str, Any]) -> str | None:
        own_mode = parts.get("metadata_update_mode")
        return self._mode if own_mode is None else _mode(own_mode)

    def _deletes_nulls(self, parts: dict[str, Any]) -> bool:
        return self._mode_of(parts) == "PATCH"


def _mode(mode: object) -> str | None:
    return validation.choice(mode, "metadata_update_mode", "OVERWRITE", "PATCH")


@dataclass(frozen=True, kw_only=True)
class UpdateOptions(VectorRowOptions):
    """The options of updates. Raises ``ValueError`` for an invalid value."""

    operation_type = Update

    metadata_update_mode: Annotated[
        str | None,
        "for rows that set none: ``PATCH``, or ``OVERWRITE``, the service's default, which removes the metadata "
        "that a row does not have",
    ] = None
    on_missing: Annotated[
        OnMissing,
        "unknown ids are counted, and ``fail`` counts them as failures; if nothing was updated for that reason, "
        "``skip`` skips the task",
    ] = "ignore"
    metadata_update_mode_field: str = "metadata_update_mode"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "metadata_update_mode", _mode(self.metadata_update_mode))

    @property
    def missing_fails(self) -> bool:
        """Whether an unknown id is a failure."""
        return self.on_missing == "fail"

    def operation(self, index: IndexInfo | None) -> Update:
        """Return the operation, which checks rows against ``index`` if that is known."""
        return Update(
            self.names,
            namespace=self.namespace,
            metadata_update_mode=self.metadata_update_mode,
            index=index,
            embeds=self.embed is not None,
        )

    def fingerprint(self) -> str:
        """Return a text of the operation and the options that decide which rows are read and what is sent."""
        return f"{super().fingerprint()} {self.metadata_update_mode}"


class UpdateArguments(VectorRowArguments, total=False):
    """The keyword arguments of :class:`UpdateOptions`."""

    metadata_update_mode: str | None
    on_missing: OnMissing
    metadata_update_mode_field: str
