"""Tasks that wait in the triggerer: for a vector, and until what they have written is indexed."""

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor

with DAG("waiting", schedule=None):
    UpstashVectorIndexReadySensor(
        task_id="wait",
        vector_id="late",
        metadata={"ready": True},
        poke_interval=1,
        timeout=600,
        deferrable=True,
        upstash_vector_conn_id="movies",
    )
    UpdateVectorOperator(
        task_id="update",
        vector_id="early",
        data="A heist goes wrong.",
        wait_until_indexed=True,
        deferrable=True,
        upstash_vector_conn_id="movies",
    )
