"""``UpstashVectorRetryPolicy`` in Airflow: 3.3 and later can keep it, older ones are told what it needs."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from airflow.providers.common.compat.sdk import DAG
from airflow.serialization import serialized_objects

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.retry_policies.upstash_vector import UpstashVectorRetryPolicy

NEEDS = "UpstashVectorRetryPolicy needs Airflow 3.3 or later: leave out retry_policy"


@pytest.mark.needs("retry_policies")
def test_it_survives_airflow() -> None:
    policy = UpstashVectorRetryPolicy(jitter_seconds=5)
    assert pickle.loads(pickle.dumps(policy)) == copy.deepcopy(policy) == policy  # noqa: S301 - our own
    assert UpstashVectorRetryPolicy.deserialize(policy.serialize()) == policy
    assert len({policy, copy.copy(policy)}) == 1
    assert policy != UpstashVectorRetryPolicy()
    with DAG("with_policy", schedule=None, default_args={"retries": 3, "retry_policy": policy}) as dag:
        UpdateVectorOperator(task_id="one", vector_id="a", data="x")
        BulkUpdateVectorsOperator.partial(task_id="many").expand(rows=["a.jsonl", "b.jsonl"])
    kept = serialized_objects.DagSerialization
    again = kept.deserialize_dag(kept.serialize_dag(dag))
    assert again.get_task("one").has_retry_policy
    assert again.get_task("many").has_retry_policy


@pytest.mark.lacks("retry_policies")
@pytest.mark.parametrize("jitter", [60.0, -1])
def test_an_older_airflow_is_told_what_it_needs(jitter: float) -> None:
    with pytest.raises(RuntimeError, match=NEEDS):
        UpstashVectorRetryPolicy(jitter)


@pytest.mark.needs("retry_policies")
def test_it_can_be_imported_where_airflow_does_not_have_what_it_needs() -> None:
    script = """
import airflow.sdk
for name in ("RetryPolicy", "RetryDecision"):
    del airflow.sdk.__lazy_imports[name]
from airflow_provider_upstash_vector.retry_policies.upstash_vector import UpstashVectorRetryPolicy
try:
    UpstashVectorRetryPolicy()
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert NEEDS in done.stdout
