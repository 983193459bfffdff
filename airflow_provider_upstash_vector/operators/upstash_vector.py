"""The operators."""

from airflow_provider_upstash_vector.operators.bulk import (
    BulkDeleteVectorsOperator,
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
)
from airflow_provider_upstash_vector.operators.check import CheckVectorsOperator
from airflow_provider_upstash_vector.operators.copy import CopyVectorsOperator
from airflow_provider_upstash_vector.operators.delete import DeleteVectorsOperator
from airflow_provider_upstash_vector.operators.export import ExportVectorsOperator
from airflow_provider_upstash_vector.operators.fetch import FetchVectorsOperator
from airflow_provider_upstash_vector.operators.namespaces import (
    DeleteNamespaceOperator,
    ListNamespacesOperator,
    RenameNamespaceOperator,
    ResetNamespaceOperator,
)
from airflow_provider_upstash_vector.operators.query import QueryVectorsOperator
from airflow_provider_upstash_vector.operators.swap import (
    ExpireNamespacesOperator,
    RollbackNamespaceOperator,
    SwapNamespaceOperator,
)
from airflow_provider_upstash_vector.operators.sync import SyncVectorsOperator
from airflow_provider_upstash_vector.operators.update import UpdateVectorOperator
from airflow_provider_upstash_vector.operators.update_where import UpdateVectorsWhereOperator
from airflow_provider_upstash_vector.operators.upsert import UpsertVectorOperator

__all__ = [
    "BulkDeleteVectorsOperator",
    "BulkUpdateVectorsOperator",
    "BulkUpsertVectorsOperator",
    "CheckVectorsOperator",
    "CopyVectorsOperator",
    "DeleteNamespaceOperator",
    "DeleteVectorsOperator",
    "ExpireNamespacesOperator",
    "ExportVectorsOperator",
    "FetchVectorsOperator",
    "ListNamespacesOperator",
    "QueryVectorsOperator",
    "RenameNamespaceOperator",
    "ResetNamespaceOperator",
    "RollbackNamespaceOperator",
    "SwapNamespaceOperator",
    "SyncVectorsOperator",
    "UpdateVectorOperator",
    "UpdateVectorsWhereOperator",
    "UpsertVectorOperator",
]

# Airflow stores the path of a task's class; no module but this one is public.
for _name in __all__:
    globals()[_name].__module__ = __name__
