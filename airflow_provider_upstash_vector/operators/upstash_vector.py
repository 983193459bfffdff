"""Operators that write vectors."""

from airflow_provider_upstash_vector.operators.bulk import BulkUpdateVectorsOperator, BulkUpsertVectorsOperator
from airflow_provider_upstash_vector.operators.sync import SyncVectorsOperator
from airflow_provider_upstash_vector.operators.update import UpdateVectorOperator

__all__ = ["BulkUpdateVectorsOperator", "BulkUpsertVectorsOperator", "SyncVectorsOperator", "UpdateVectorOperator"]

# Airflow stores the path of a task's class; no module but this one is public.
for _name in __all__:
    globals()[_name].__module__ = __name__
