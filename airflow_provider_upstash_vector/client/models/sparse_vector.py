"""A sparse vector: the non-zero dimensions and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias, Union

from pydantic import BeforeValidator, model_validator

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models.base import Sent


def _values(value: Any) -> list[float]:
    validation.float32(value, "sparse_vector", "values: ")
    return [float(number) for number in (value.tolist() if hasattr(value, "tolist") else value)]


class SparseVector(Sent):
    """``indices``, distinct signed 32-bit integers, and as many ``values``; up to 1,000 of each."""

    indices: Annotated[list[int], BeforeValidator(validation.sparse_indices)]
    values: Annotated[list[float], BeforeValidator(_values)]

    @model_validator(mode="after")
    def _same_length(self) -> SparseVector:
        if len(self.indices) != len(self.values):
            raise InvalidRequest("sparse_vector", f"has {len(self.indices)} indices but {len(self.values)} values")
        return self

    def wire_fields(self) -> dict[str, Any]:
        """Return indices and float32 values."""
        return {"indices": self.indices, "values": validation.float32(self.values, "sparse_vector", "values: ")}

    @classmethod
    def from_parts(cls, value: SparseVectorLike) -> SparseVector:
        """Return a sparse vector from a mapping, a pair or another object with indices and values."""
        if isinstance(value, SparseVector):
            return value
        indices, values = validation.sparse_parts(value)
        return cls(indices=indices, values=values)


SparseVectorLike: TypeAlias = Union[  # noqa: UP007 - a forward reference cannot be written with |
    SparseVector, Mapping[str, Any], tuple[Sequence[int], Sequence[float]]
]
