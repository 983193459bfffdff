"""A task that calls the hook, with the retry policy."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.retry_policies.upstash_vector import UpstashVectorRetryPolicy


@task(retries=2, retry_delay=timedelta(hours=9), retry_policy=UpstashVectorRetryPolicy(jitter_seconds=1))
def update() -> int:
    with UpstashVectorHook() as hook:
        return hook.update("movie-1", data="new")


with DAG("policy", schedule=None) as dag:
    update()
