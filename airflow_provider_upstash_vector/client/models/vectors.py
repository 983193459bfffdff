"""Vectors to write (``Vector``, ``Data``, ``VectorUpdate``) and vectors read (``FetchedVector``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias, Union

from pydantic import BeforeValidator, field_validator, model_serializer, model_validator

from airflow_provider_upstash_vector.client import metadata_json, validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models.base import RequestModel, ResponseModel, without_none
from airflow_provider_upstash_vector.plurals import plural


def _values(value: Any) -> list[float]:
    validation.float32(value, "sparse_vector", "values: ")
    return [float(number) for number in (value.tolist() if hasattr(value, "tolist") else value)]


class SparseVector(RequestModel):
    """The non-zero dimensions: signed 32-bit ``indices`` and as many ``values``, up to 1,000 of each."""

    indices: Annotated[list[int], BeforeValidator(validation.sparse_indices)]
    values: Annotated[list[float], BeforeValidator(_values)]

    @model_validator(mode="after")
    def _same_length(self) -> SparseVector:
        if len(self.indices) != len(self.values):
            indices, values = plural(len(self.indices), "index", "indices"), plural(len(self.values), "value")
            raise InvalidRequest("sparse_vector", f"has {indices} but {values}")
        return self

    def wire_fields(self) -> dict[str, Any]:
        """Return indices and float32 values."""
        return {"indices": self.indices, "values": validation.float32(self.values, "sparse_vector", "values: ")}

    @classmethod
    def from_parts(cls, value: SparseVectorLike) -> SparseVector:
        """Return the sparse vector of a mapping, a pair, or an object with the attributes indices and values."""
        if isinstance(value, SparseVector):
            return value
        indices, values = validation.sparse_parts(value)
        return cls(indices=indices, values=values)


SparseVectorLike: TypeAlias = Union[  # noqa: UP007 - a forward reference cannot be written with |
    SparseVector, Mapping[str, Any], tuple[Sequence[int], Sequence[float]]
]


class SupportsToList(Protocol):
    """A numpy array, a tensor or a pandas column."""

    def tolist(self) -> Any:
        """Return the numbers as a list."""


if TYPE_CHECKING:
    from pydantic import ModelWrapValidatorHandler, SerializerFunctionWrapHandler  # 2.10 has them elsewhere

    NumbersLike = Sequence[float] | SupportsToList
    MetadataLike = Mapping[str, Any]
    SparseLike = SparseVectorLike
    IdText = validation.IdLike
else:  # Any for pydantic: the validators below check and convert them
    NumbersLike = MetadataLike = SparseLike = Any
    IdText = str


class VectorOrData(RequestModel):
    """The fields shared by stored vectors and queries: dense vector, sparse vector, and text to embed."""

    vector: NumbersLike | None = None
    sparse_vector: SparseLike | None = None
    data: str | None = None

    @field_validator("vector", mode="before")
    @classmethod
    def _check_vector(cls, value: Any) -> Any:
        return None if value is None else validation.dense_vector(value)

    @field_validator("sparse_vector", mode="before")
    @classmethod
    def _check_sparse_vector(cls, value: Any) -> Any:
        return None if value is None else SparseVector.from_parts(value)

    @field_validator("data", mode="before")
    @classmethod
    def _check_data(cls, value: Any) -> Any:
        return None if value is None else validation.data(value)

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names."""
        sparse = None if self.sparse_vector is None else SparseVector.from_parts(self.sparse_vector).wire_fields()
        return without_none({"vector": self.vector, "sparseVector": sparse, "data": self.data})


class _Stored(VectorOrData):
    id: Annotated[IdText, BeforeValidator(validation.vector_id)]
    metadata: MetadataLike | None = None

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: Any) -> Any:
        return None if value is None else metadata_json.metadata(value)

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names."""
        return {"id": self.id, **super().wire_fields(), **without_none({"metadata": self.metadata})}


class Vector(_Stored):
    """A whole vector for ``upsert``: an id and a dense vector, a sparse vector, or both.

    ``vector`` has as many numbers as the index has dimensions, sent as float32; ``metadata`` is a JSON object of
    up to 48 KB; ``data`` is text of up to 1 MB. Raises :class:`InvalidRequest` with the name of the field.
    """

    @model_validator(mode="after")
    def _check_complete(self) -> Vector:
        if self.vector is None and self.sparse_vector is None:
            raise InvalidRequest("vector", "set vector, sparse_vector or both")
        return self


class Data(RequestModel):
    """A text for ``upsert_data``, embedded by the index's model.

    ``data`` is the text, up to 1 MB; ``metadata`` a JSON object of up to 48 KB.
    """

    id: Annotated[IdText, BeforeValidator(validation.vector_id)]
    data: Annotated[str, BeforeValidator(validation.data)]
    metadata: MetadataLike | None = None

    @field_validator("metadata", mode="before")
    @classmethod
    def _check_metadata(cls, value: Any) -> Any:
        return None if value is None else metadata_json.metadata(value)

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names."""
        return {"id": self.id, "data": self.data, **without_none({"metadata": self.metadata})}


class VectorUpdate(_Stored):
    """An update of one stored vector; the other fields keep their values.

    ``vector``, ``sparse_vector``, ``data`` and ``metadata`` are as in :class:`Vector`; at least one is required.
    ``metadata_update_mode`` is ``"OVERWRITE"`` (the service's default), which removes all metadata that is not in
    ``metadata``, or ``"PATCH"``, an RFC 7396 merge patch in which ``None`` deletes a field, and NA and NaT are
    rejected; without ``metadata`` it is not sent. Raises :class:`InvalidRequest` with the name of the field.
    """

    metadata_update_mode: str | None = None
    _missing: str = ""

    @field_validator("metadata_update_mode", mode="before")
    @classmethod
    def _check_mode(cls, value: Any) -> Any:
        return validation.choice(value, "metadata_update_mode", "OVERWRITE", "PATCH")

    @model_validator(mode="after")
    def _check_complete(self) -> VectorUpdate:
        parts = (self.vector, self.sparse_vector, self.data, self.metadata)
        validation.check_update(changes=any(part is not None for part in parts))
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _find_missing(
        cls, values: dict[str, Any], handler: ModelWrapValidatorHandler[VectorUpdate]
    ) -> VectorUpdate:
        update = handler(values)
        if update.metadata is not None:
            try:
                metadata_json.metadata_json(values["metadata"], patch=True)
            except InvalidRequest as error:
                update._missing = error.reason  # noqa: SLF001 - of this class
        if update.metadata_update_mode == "PATCH":
            update.check_patch()
        return update

    @property
    def can_patch(self) -> bool:
        """Whether the metadata had neither NA nor NaT, which are null: in a PATCH it would delete the field."""
        return not self._missing

    def check_patch(self) -> None:
        """Raise :class:`InvalidRequest` unless the metadata can be sent as a PATCH."""
        if not self.can_patch:
            raise InvalidRequest("metadata", self._missing)

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names."""
        mode = None if self.metadata is None else self.metadata_update_mode
        return {**super().wire_fields(), **without_none({"metadataUpdateMode": mode})}


class FetchedSparseVector(ResponseModel):
    """The non-zero dimensions of a stored sparse vector, and their values."""

    indices: list[int]
    values: list[float]


class FetchedVector(ResponseModel):
    """A stored vector; fields that were not requested, or are not stored, are ``None``."""

    id: str
    vector: list[float] | None = None
    sparse_vector: FetchedSparseVector | None = None
    metadata: dict[str, Any] | None = None
    data: str | None = None

    @model_serializer(mode="wrap")
    def _compact(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_none(dump(self))

    def __repr_args__(self) -> Any:
        """Return the fields that the repr shows."""
        return [(name, value) for name, value in super().__repr_args__() if value is not None]
