"""Delete the vectors whose ids begin with a prefix and whose metadata say that they are obsolete, up to a limit.

If more match, nothing is deleted and the task fails with their number.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.operators.upstash_vector import DeleteVectorsOperator

with DAG(
    "example_delete",
    schedule=None,
    params={
        "prefix": Param("movie-", type="string", minLength=1, description="What the ids begin with"),
        "max_delete": Param(100, type="integer", minimum=1, description="If more match, nothing is deleted"),
    },
    doc_md=__doc__,
    tags=["example", "upstash-vector"],
) as dag:
    DeleteVectorsOperator(
        task_id="delete",
        prefix="{{ params.prefix }}",
        filter=Field("status") == "obsolete",
        max_delete="{{ params.max_delete }}",
    )
