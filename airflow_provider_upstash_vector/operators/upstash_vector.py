"""Operators that change vectors of an index."""

from airflow_provider_upstash_vector.operators.bulk_update import BulkUpdateVectorsOperator
from airflow_provider_upstash_vector.operators.update_vector import UpdateVectorOperator

__all__ = ["BulkUpdateVectorsOperator", "UpdateVectorOperator"]
