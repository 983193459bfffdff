"""Creates tasks that wait, defers and resumes them, in Airflow without a database."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import DAG, TaskDeferred

from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger

PENDING_CHECKS = 2
RUN_ID = f"r{uuid4()}"  # unique: it names the journal in the machine's temporary folder
TRIGGER = "airflow_provider_upstash_vector.triggers.upstash_vector.UpstashVectorTrigger"


def create(kind: type[Any], params: dict[str, Any] | None = None, /, **arguments: Any) -> Any:
    with DAG("d", schedule=None):
        operator = kind(task_id="t", **arguments)
    operator.render_template_fields(context(params))
    return operator


def context(params: dict[str, Any] | None = None) -> Any:
    names = {"dag_id": "d", "run_id": RUN_ID, "task_id": "t", "map_index": -1}
    return {"params": params or {}, "ti": SimpleNamespace(**names, xcom_push=lambda **_: None)}


def sensor(params: dict[str, Any] | None = None, /, **arguments: Any) -> UpstashVectorIndexReadySensor:
    options = {"poke_interval": 0.05, "timeout": 100, **arguments}
    operator: UpstashVectorIndexReadySensor = create(UpstashVectorIndexReadySensor, params, **options)
    return operator


def run_trigger(deferred: TaskDeferred, **changes: Any) -> dict[str, Any]:
    """Run the trigger as the triggerer does, from its serialized form; return the event."""
    path, arguments = deferred.trigger.serialize()
    assert path == TRIGGER
    assert not deferred.kwargs
    return trigger_event(**{**json.loads(json.dumps(arguments)), "first_check_seconds": 0.05, **changes})


def trigger_event(**arguments: Any) -> dict[str, Any]:
    """Return the event of a trigger."""

    async def first() -> Any:
        return await anext(UpstashVectorTrigger(**arguments).run())

    return json.loads(json.dumps(asyncio.run(first()).payload))  # type: ignore[no-any-return]


def resume(operator: Any, event: dict[str, Any], task_context: Any = None) -> Any:
    """Resume a task as Airflow does."""
    return operator.resume_execution("execute_complete", {"event": event}, task_context or context())


def defer(operator: Any, task_context: Any = None) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(task_context or context())
    return raised.value
