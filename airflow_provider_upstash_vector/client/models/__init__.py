"""Pydantic models of requests and responses."""

from airflow_provider_upstash_vector.client.models.endpoint import Endpoint
from airflow_provider_upstash_vector.client.models.index_info import IndexInfo, IndexType, NamespaceInfo
from airflow_provider_upstash_vector.client.models.namespaces import ExpiredNamespaces, NamespaceSwap
from airflow_provider_upstash_vector.client.models.queries import (
    DataQueryOptions,
    Query,
    QueryOptions,
    QueryResult,
    RangePage,
    ResumableResults,
)
from airflow_provider_upstash_vector.client.models.vectors import (
    Data,
    FetchedVector,
    NumbersLike,
    SparseLike,
    SparseVector,
    Vector,
    VectorUpdate,
)

__all__ = [
    "Data",
    "DataQueryOptions",
    "Endpoint",
    "ExpiredNamespaces",
    "FetchedVector",
    "IndexInfo",
    "IndexType",
    "NamespaceInfo",
    "NamespaceSwap",
    "NumbersLike",
    "Query",
    "QueryOptions",
    "QueryResult",
    "RangePage",
    "ResumableResults",
    "SparseLike",
    "SparseVector",
    "Vector",
    "VectorUpdate",
]
