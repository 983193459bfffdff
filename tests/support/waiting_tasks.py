"""Makes tasks that wait, defers them and brings them back, in Airflow without a database."""

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

PENDING_LOOKS = 2
RUN_ID = f"r{uuid4()}"  # names the journal in the machine's temporary folder, where other test runs have theirs
TRIGGER = "airflow_provider_upstash_vector.triggers.upstash_vector.UpstashVectorTrigger"


def made(kind: type[Any], params: dict[str, Any] | None = None, /, **arguments: Any) -> Any:
    with DAG("d", schedule=None):
        operator = kind(task_id="t", **arguments)
    operator.render_template_fields(context(params))
    return operator


def context(params: dict[str, Any] | None = None) -> Any:
    names = {"dag_id": "d", "run_id": RUN_ID, "task_id": "t", "map_index": -1}
    return {"params": params or {}, "ti": SimpleNamespace(**names, xcom_push=lambda **_: None)}


def sensor(params: dict[str, Any] | None = None, /, **arguments: Any) -> UpstashVectorIndexReadySensor:
    options = {"poke_interval": 0.05, "timeout": 100, **arguments}
    found: UpstashVectorIndexReadySensor = made(UpstashVectorIndexReadySensor, params, **options)
    return found


def event_of(deferred: TaskDeferred, **changes: Any) -> dict[str, Any]:
    """Run the trigger as the triggerer does, from its serialized form; return the event."""
    path, arguments = deferred.trigger.serialize()
    assert path == TRIGGER
    assert not deferred.kwargs
    return event(**{**json.loads(json.dumps(arguments)), "first_poll_seconds": 0.05, **changes})


def event(**arguments: Any) -> dict[str, Any]:
    """Return the event of a trigger."""

    async def first() -> Any:
        return await anext(UpstashVectorTrigger(**arguments).run())

    return json.loads(json.dumps(asyncio.run(first()).payload))  # type: ignore[no-any-return]


def resumed(operator: Any, event: dict[str, Any], again: Any = None) -> Any:
    """Bring a task back as Airflow does."""
    return operator.resume_execution("execute_complete", {"event": event}, again or context())


def deferred_by(operator: Any, again: Any = None) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(again or context())
    return raised.value
