"""What ``info`` tells of an index."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airflow_provider_upstash_vector.client.models.base import Received

# Strict: neither true nor 1.0 nor "1" is one.
Count = Annotated[int, Field(strict=True, ge=0)]
IndexType = Literal["DENSE", "SPARSE", "HYBRID"]


class NamespaceInfo(Received):
    """Counts of one namespace; pending vectors are written but not yet found by queries."""

    vector_count: Count
    pending_vector_count: Count


class DenseIndexInfo(Received):
    """The dense half of an index; ``embedding_model`` is ``""`` without one."""

    dimension: Count
    similarity_function: str
    embedding_model: str = ""


class SparseIndexInfo(Received):
    """The sparse half of an index; ``embedding_model`` is ``""`` without one."""

    embedding_model: str = ""


class IndexInfo(Received):
    """Counts and properties of an index.

    ``index_size`` is in bytes; ``namespaces`` holds the counts by name, ``""`` being the default one.
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
