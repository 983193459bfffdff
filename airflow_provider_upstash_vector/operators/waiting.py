"""Waiting for an index in a task: by looking from the worker, or by deferring to the trigger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, BaseOperator

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from airflow_provider_upstash_vector.waiting.causes import Cause
from airflow_provider_upstash_vector.waiting.conditions import condition
from airflow_provider_upstash_vector.waiting.poller import Again, Decision, End, Poller
from airflow_provider_upstash_vector.waiting.stopping import Stop

# Airflow 3.3 may lose a task whose trigger fires within a few seconds of its deferral.
_LEAST_SECONDS_DEFERRED = 10.0
_LEAST_INTERVAL_SECONDS = 0.1
# the trigger tells of a timeout itself; Airflow's own only ends a wait that no triggerer carries out
_SECONDS_FOR_THE_TRIGGERER = 300.0


class WaitFailed(Exception):
    """The index could not be looked at, or the wait was stopped; a retry may help.

    No ``AirflowException``, which sensors with ``soft_fail`` skip on when they come back from the triggerer, while
    they fail with any error from a worker. The cause is what a retry policy decides by.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What to wait for, how often to look and for how long, in seconds; see :func:`condition`."""

    namespace: str | Sequence[str] | None = None
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


def wait(
    operator: BaseOperator,
    hook: UpstashVectorHook,
    waited: Wait,
    *,
    deferrable: bool,
    stop: Stop,
    carried: dict[str, Any],
) -> None:
    """Return when the condition is met, or defer to come back in ``execute_complete``, ``carried`` in the event.

    Raises as :func:`finish`, and :class:`WaitFailed` where ``stop`` is asked for.
    """
    deadline = time.time() + waited.timeout
    with airflow_errors("wait", namespace=waited.namespace):
        poller = waited.poller(deadline)
    decision = look(hook, poller)
    while isinstance(decision, Again):
        operator.log.info("%s.", decision.told)
        if deferrable and not stop.asked:
            defer(operator, hook, waited, deadline=deadline, carried=carried)
        if stop.sleep(decision.seconds):
            raise WaitFailed(f"the wait was stopped: {decision.told}")
        decision = look(hook, poller)
    finish(decision)
    operator.log.info("%s.", decision.told)


def defer(
    operator: BaseOperator,
    hook: UpstashVectorHook,
    waited: Wait,
    *,
    deadline: float,
    carried: dict[str, Any] | None = None,
) -> None:
    """Leave the worker until the trigger fires; never returns."""
    operator.defer(
        trigger=UpstashVectorTrigger(
            upstash_vector_conn_id=hook.upstash_vector_conn_id,
            namespace=waited.namespace,
            vector_id=waited.vector_id,
            metadata=waited.metadata,
            poke_interval=max(waited.poke_interval, _LEAST_INTERVAL_SECONDS),
            first_poll_seconds=max(waited.poke_interval, _LEAST_SECONDS_DEFERRED),
            deadline=max(deadline, time.time() + _LEAST_SECONDS_DEFERRED),
            carried=carried,
        ),
        method_name="execute_complete",
        timeout=timedelta(seconds=waited.timeout + _SECONDS_FOR_THE_TRIGGERER),
    )


def finish(end: End) -> None:
    """Return where the condition is met.

    Raises ``AirflowSensorTimeout``, ``AirflowFailException`` for what no retry can mend, else :class:`WaitFailed`.
    """
    if end.status == "timeout":
        raise AirflowSensorTimeout(end.told)
    if end.status == "failed":
        if end.permanent:
            raise AirflowFailException(end.told)
        raise WaitFailed(end.told) from (end.cause.error() if end.cause else None)


def end_of(event: dict[str, Any]) -> End:
    """Return the end that a trigger's event tells of."""
    cause = Cause(**event["cause"]) if event["cause"] else None
    return End(event["status"], event["told"], permanent=event["permanent"], cause=cause)
