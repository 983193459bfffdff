"""Operators that write and check vectors."""

from airflow_provider_upstash_vector.operators.bulk import BulkUpdateVectorsOperator, BulkUpsertVectorsOperator
from airflow_provider_upstash_vector.operators.check import CheckVectorsOperator
from airflow_provider_upstash_vector.operators.update import UpdateVectorOperator
from airflow_provider_upstash_vector.operators.update_where import UpdateVectorsWhereOperator

__all__ = [
    "BulkUpdateVectorsOperator",
    "BulkUpsertVectorsOperator",
    "CheckVectorsOperator",
    "UpdateVectorOperator",
    "UpdateVectorsWhereOperator",
]

# Airflow stores the path of a task's class; no module but this one is public.
for _name in __all__:
    globals()[_name].__module__ = __name__
