"""Client of the Upstash Vector service, independent of Airflow.

Names are imported on first use, so that a sync program does not load the async transports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.client.async_client import AsyncVectorClient
    from airflow_provider_upstash_vector.client.credentials import Credentials
    from airflow_provider_upstash_vector.client.filters import Field, Filter
    from airflow_provider_upstash_vector.client.models import (
        Data,
        Endpoint,
        ExpiredNamespaces,
        FetchedVector,
        IndexInfo,
        NamespaceSwap,
        Query,
        QueryResult,
        SparseVector,
        Vector,
        VectorUpdate,
    )
    from airflow_provider_upstash_vector.client.retry import RetryPolicy
    from airflow_provider_upstash_vector.client.sync_client import VectorClient

_LAZY_EXPORTS = {
    "AsyncVectorClient": "async_client",
    "Credentials": "credentials",
    "Data": "models",
    "Endpoint": "models",
    "ExpiredNamespaces": "models",
    "FetchedVector": "models",
    "Field": "filters",
    "Filter": "filters",
    "IndexInfo": "models",
    "NamespaceSwap": "models",
    "Query": "models",
    "QueryResult": "models",
    "RetryPolicy": "retry",
    "SparseVector": "models",
    "Vector": "models",
    "VectorClient": "sync_client",
    "VectorUpdate": "models",
}

__all__ = [
    "AsyncVectorClient",
    "Credentials",
    "Data",
    "Endpoint",
    "ExpiredNamespaces",
    "FetchedVector",
    "Field",
    "Filter",
    "IndexInfo",
    "NamespaceSwap",
    "Query",
    "QueryResult",
    "RetryPolicy",
    "SparseVector",
    "Vector",
    "VectorClient",
    "VectorUpdate",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY_EXPORTS[name]}"), name)
