"""The result of ``info``: counts and properties of an index."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airflow_provider_upstash_vector.client.models.base import ResponseModel

# Strict: rejects true, 1.0 and "1".
Count = Annotated[int, Field(strict=True, ge=0)]
IndexType = Literal["DENSE", "SPARSE", "HYBRID"]


class NamespaceInfo(ResponseModel):
    """Counts of one namespace."""

    vector_count: Count
    pending_vector_count: Count


class DenseIndexInfo(ResponseModel):
    """The dense part of an index; ``embedding_model`` is ``""`` if there is none."""

    dimension: Count
    similarity_function: str
    embedding_model: str = ""


class SparseIndexInfo(ResponseModel):
    """The sparse part of an index; ``embedding_model`` is ``""`` if there is none."""

    embedding_model: str = ""


class IndexInfo(ResponseModel):
    """Counts and properties of an index.

    ``index_size`` is in bytes. ``namespaces`` maps names, ``""`` for the default one, to objects with the
    attributes ``vector_count`` and ``pending_vector_count``: pending vectors are stored but not yet indexed for
    queries.
    """

    vector_count: Count
    pending_vector_count: Count
    index_size: Count
    dimension: Count
    similarity_function: str
    index_type: IndexType = "DENSE"
    dense_index: DenseIndexInfo | None = None
    sparse_index: SparseIndexInfo | None = None
    namespaces: dict[str, NamespaceInfo] = Field(default_factory=dict)

    @property
    def embeds(self) -> bool:
        """Whether the index has a model that embeds data."""
        parts = (self.dense_index, self.sparse_index)
        return any(part is not None and part.embedding_model for part in parts)

    @property
    def identity(self) -> str:
        """Type, dimension and similarity function, which never change: another value is another index."""
        return f"{self.index_type} {self.dimension} {self.similarity_function}"
