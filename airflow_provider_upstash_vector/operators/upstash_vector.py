"""Operators that change vectors of an index."""

from airflow_provider_upstash_vector.operators.bulk import BulkUpdateVectorsOperator
from airflow_provider_upstash_vector.operators.update import UpdateVectorOperator

__all__ = ["BulkUpdateVectorsOperator", "UpdateVectorOperator"]
