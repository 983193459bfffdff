"""Waiting for an index in a task: by looking from the worker, or by deferring to the trigger."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    BaseOperator,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from airflow_provider_upstash_vector.waiting.conditions import condition
from airflow_provider_upstash_vector.waiting.poller import Again, Decision, End, Poller

# Airflow 3.3 may lose a task whose trigger fires within a few seconds of its deferral.
_LEAST_SECONDS_DEFERRED = 10.0
_LEAST_INTERVAL_SECONDS = 0.1
# the trigger tells of a timeout itself; Airflow's own only ends a wait that no triggerer carries out
_SECONDS_FOR_THE_TRIGGERER = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What to wait for, how often to look and for how long, in seconds."""

    namespace: str | None = None
    vector_id: str | None = None
    metadata: dict[str, Any] | None = None
    poke_interval: float = 60.0
    timeout: float = 3600.0

    def poller(self, deadline: float | None) -> Poller:
        """Return the poller; raises ``InvalidUpdate`` for an id or metadata that no vector can have."""
        return Poller(
            condition(self.namespace, self.vector_id, self.metadata),
            interval_seconds=max(self.poke_interval, _LEAST_INTERVAL_SECONDS),
            deadline=deadline,
        )


def look(hook: UpstashVectorHook, poller: Poller) -> Decision:
    """Look once from the worker; return what to do then."""
    try:
        result = hook.get_conn().run(poller.condition.request())
    except UpstashVectorError as error:
        return poller.after_error(error, time.time())
    return poller.after_result(result, time.time())


def wait(operator: BaseOperator, hook: UpstashVectorHook, waited: Wait, *, deferrable: bool, **back: Any) -> None:
    """Return when the condition is met, or defer to come back in ``execute_complete(context, event, **back)``.

    Raises as :func:`finish`.
    """
    deadline = time.time() + waited.timeout
    with airflow_errors("wait", namespace=waited.namespace, id=waited.vector_id):
        poller = waited.poller(deadline)
        decision = look(hook, poller)
    while isinstance(decision, Again):
        operator.log.info("%s.", decision.told)
        if deferrable:
            defer(operator, hook, waited, deadline=deadline, **back)
        time.sleep(decision.seconds)
        with airflow_errors("wait", namespace=waited.namespace, id=waited.vector_id):
            decision = look(hook, poller)
    finish(decision)
    operator.log.info("%s.", decision.told)


def defer(operator: BaseOperator, hook: UpstashVectorHook, waited: Wait, *, deadline: float, **back: Any) -> None:
    """Leave the worker until the trigger fires; never returns."""
    operator.defer(
        trigger=UpstashVectorTrigger(
            upstash_vector_conn_id=hook.upstash_vector_conn_id,
            namespace=waited.namespace,
            vector_id=waited.vector_id,
            metadata=waited.metadata,
            poke_interval=max(waited.poke_interval, _LEAST_INTERVAL_SECONDS),
            first_poll_seconds=max(waited.poke_interval, _LEAST_SECONDS_DEFERRED),
            deadline=deadline,
        ),
        method_name="execute_complete",
        kwargs=back,
        timeout=timedelta(seconds=waited.timeout + _SECONDS_FOR_THE_TRIGGERER),
    )


def finish(end: End) -> None:
    """Return where the condition is met; raise Airflow's exception for a timeout or a failure."""
    if end.status == "timeout":
        raise AirflowSensorTimeout(end.told)
    if end.status == "failed":
        raise AirflowFailException(end.told) if end.permanent else AirflowException(end.told)


def end_of(event: dict[str, Any]) -> End:
    """Return the end that a trigger's event tells of."""
    return End(event["status"], event["told"], permanent=event["permanent"])
