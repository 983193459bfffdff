"""Ids that native rendering would change, in every way in which a task can get them."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, TaskGroup, task

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator

IDS = ["00123", "1e5", "1_000", "0x10", "1,2", "None", "True"]
NOTE: dict[str, Any] = {"metadata": {"note": "None"}, "metadata_update_mode": "PATCH", "on_missing": "fail"}


@task
def ids() -> list[str]:
    return IDS


@task
def changes() -> list[dict[str, Any]]:
    return [{"vector_id": id, "metadata": {"note": id}} for id in IDS]


def exact_ids(dag_id: str, *, native: bool) -> DAG:
    with DAG(dag_id, schedule=None, render_template_as_native_obj=native) as dag:
        UpdateVectorOperator.partial(task_id="literal", **NOTE).expand(vector_id=IDS)
        with TaskGroup("group"):
            UpdateVectorOperator.partial(task_id="from_xcom", **NOTE).expand(vector_id=ids())
            UpdateVectorOperator.partial(task_id="from_kwargs", on_missing="fail").expand_kwargs(changes())
    return dag


plain = exact_ids("exact_ids_plain", native=False)
native = exact_ids("exact_ids_native", native=True)
