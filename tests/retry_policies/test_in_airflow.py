"""``UpstashVectorRetryPolicy`` in Airflow: 3.3 and later serialize it, older ones get a clear error."""

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

NEEDS = "UpstashVectorRetryPolicy needs Airflow 3.3 or later: remove retry_policy"


@pytest.mark.needs("retry_policies")
def test_it_survives_serialization() -> None:
    policy = UpstashVectorRetryPolicy(jitter_seconds=5)
    assert pickle.loads(pickle.dumps(policy)) == copy.deepcopy(policy) == policy  # noqa: S301 - our own
    assert UpstashVectorRetryPolicy.deserialize(policy.serialize()) == policy
    assert len({policy, copy.copy(policy)}) == 1
    assert policy != UpstashVectorRetryPolicy()
    with DAG("with_policy", schedule=None, default_args={"retries": 3, "retry_policy": policy}) as dag:
        UpdateVectorOperator(task_id="one", vector_id="a", data="x")
        BulkUpdateVectorsOperator.partial(task_id="many").expand(rows=["a.jsonl", "b.jsonl"])
    serialization = serialized_objects.DagSerialization
    copied = serialization.deserialize_dag(serialization.serialize_dag(dag))
    assert copied.get_task("one").has_retry_policy
    assert copied.get_task("many").has_retry_policy


@pytest.mark.lacks("retry_policies")
@pytest.mark.parametrize("jitter", [60.0, -1])
def test_an_older_airflow_raises_an_error(jitter: float) -> None:
    with pytest.raises(RuntimeError, match=NEEDS):
        UpstashVectorRetryPolicy(jitter)


@pytest.mark.needs("retry_policies")
def test_the_module_can_be_imported_on_an_older_airflow() -> None:
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert NEEDS in done.stdout
