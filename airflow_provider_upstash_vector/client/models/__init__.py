"""What goes to the service and what comes back, as pydantic models."""

from airflow_provider_upstash_vector.client.models.endpoint import Endpoint
from airflow_provider_upstash_vector.client.models.index_info import IndexInfo, IndexType, NamespaceInfo
from airflow_provider_upstash_vector.client.models.sparse_vector import SparseVector
from airflow_provider_upstash_vector.client.models.vectors import (
    FetchedVector,
    MetadataUpdateMode,
    Vector,
    VectorUpdate,
)

__all__ = [
    "Endpoint",
    "FetchedVector",
    "IndexInfo",
    "IndexType",
    "MetadataUpdateMode",
    "NamespaceInfo",
    "SparseVector",
    "Vector",
    "VectorUpdate",
]
