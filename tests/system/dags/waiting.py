"""Tasks that wait in the triggerer: for a vector, and until an update is indexed."""

import os

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor

with DAG("waiting", schedule=None) as dag:
    UpstashVectorIndexReadySensor(
        task_id="wait",
        vector_id="late",
        metadata={"ready": True},
        poke_interval=1,
        timeout=600,
        deferrable=True,
        upstash_vector_conn_id="movies",
    )
    movies = upstash_vector_asset(os.environ.get("SLOW_INDEX_HOST", "my-index-vector.upstash.io"))
    UpdateVectorOperator(
        task_id="update",
        vector_id="early",
        data="A heist goes wrong.",
        wait_until_indexed=True,
        poke_interval=1,
        outlets=[movies],
        deferrable=True,
        upstash_vector_conn_id="movies",
    )
