"""Vectors as they are written (``Vector``, ``VectorUpdate``) and as they are read (``FetchedVector``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BeforeValidator, field_validator, model_validator

from airflow_provider_upstash_vector.client import fields
from airflow_provider_upstash_vector.client.errors import InvalidUpdate
from airflow_provider_upstash_vector.client.models.base import Received, Sent
from airflow_provider_upstash_vector.client.models.sparse_vector import SparseVector, SparseVectorLike

MetadataUpdateMode = Literal["OVERWRITE", "PATCH"]
_MODES: tuple[MetadataUpdateMode, ...] = ("OVERWRITE", "PATCH")


class SupportsToList(Protocol):
    """A numpy array, a tensor, a pandas column."""

    def tolist(self) -> Any:
        """Return the numbers as a list."""


if TYPE_CHECKING:
    NumbersLike = Sequence[float] | SupportsToList
    MetadataLike = Mapping[str, Any]
    SparseLike = SparseVectorLike
    ModeLike = str
else:  # pydantic takes these as they are: the validators below check and convert them
    NumbersLike = MetadataLike = SparseLike = ModeLike = Any


class _Fields(Sent):
    id: Annotated[str, BeforeValidator(fields.vector_id)]
    vector: NumbersLike | None = None
    sparse_vector: SparseLike | None = None
    data: str | None = None
    metadata: MetadataLike | None = None

    @field_validator("vector", mode="before")
    @classmethod
    def _check_vector(cls, value: Any) -> Any:
        return None if value is None else fields.dense_vector(value)

    @field_validator("sparse_vector", mode="before")
    @classmethod
    def _check_sparse_vector(cls, value: Any) -> Any:
        return None if value is None else SparseVector.of(value)

    @field_validator("data", mode="before")
    @classmethod
    def _check_data(cls, value: Any) -> Any:
        return None if value is None else fields.data(value)

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: Any) -> Any:
        if value is not None:
            fields.metadata_json(value)
        return value

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set under the service's names."""
        sparse = None if self.sparse_vector is None else SparseVector.of(self.sparse_vector).wire_fields()
        metadata = None if self.metadata is None else dict(self.metadata)
        wire = {
            "id": self.id,
            "vector": self.vector,
            "sparseVector": sparse,
            "data": self.data,
            "metadata": metadata,
        }
        return {name: value for name, value in wire.items() if value is not None}


class Vector(_Fields):
    """A whole vector for ``upsert``: an id and a dense vector, a sparse vector, or both.

    ``vector`` takes as many numbers as the index has dimensions, sent as float32; ``metadata`` a JSON
    object of up to 48 KB; ``data`` text of up to 1 MB. Raises :class:`InvalidUpdate`, naming the field.
    """

    @model_validator(mode="after")
    def _check_complete(self) -> Vector:
        if self.vector is None and self.sparse_vector is None:
            raise InvalidUpdate("vector", "a vector, a sparse vector or both must be given")
        return self

    @classmethod
    def of(cls, value: Vector | Mapping[str, Any]) -> Vector:
        """Return a vector from a mapping with its fields, under their Python or JSON names."""
        return value if isinstance(value, Vector) else cls(**value)


class VectorUpdate(_Fields):
    """A change of one stored vector; only the fields that are given change.

    ``vector``, ``sparse_vector``, ``data`` and ``metadata`` are as in :class:`Vector`, at least one of
    them given. ``metadata_update_mode`` is ``"OVERWRITE"`` (the service's default) or ``"PATCH"``, an
    RFC 7396 merge patch in which ``None`` deletes a field. Raises :class:`InvalidUpdate`, naming the field.
    """

    metadata_update_mode: ModeLike | None = None

    @field_validator("metadata_update_mode", mode="before")
    @classmethod
    def _check_mode(cls, value: Any) -> Any:
        if value is None:
            return None
        mode = value.upper() if isinstance(value, str) else value
        if mode not in _MODES:
            raise InvalidUpdate("metadata_update_mode", f"must be OVERWRITE or PATCH, got {fields.shown(value)}")
        return mode

    @model_validator(mode="after")
    def _check_complete(self) -> VectorUpdate:
        if all(part is None for part in (self.vector, self.sparse_vector, self.data, self.metadata)):
            raise InvalidUpdate("update", "nothing to update: give vector, sparse_vector, data or metadata")
        if self.metadata_update_mode is not None and self.metadata is None:
            raise InvalidUpdate("metadata_update_mode", "is given without metadata")
        return self

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set under the service's names."""
        mode = self.metadata_update_mode
        return super().wire_fields() | ({} if mode is None else {"metadataUpdateMode": mode})


class FetchedVector(Received):
    """A stored vector; what was not asked for, or is not stored, is ``None``."""

    id: str
    vector: list[float] | None = None
    sparse_vector: SparseVector | None = None
    metadata: dict[str, Any] | None = None
    data: str | None = None
