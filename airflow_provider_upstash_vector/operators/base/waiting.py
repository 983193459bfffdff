"""Waiting for an index in a task: by looking from the worker, or by deferring to the trigger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, BaseOperator

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.polling.conditions import condition
from airflow_provider_upstash_vector.polling.poller import Cause, Finished, KeepPolling, PollDecision, Poller
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger

# Airflow 3.3 may lose a task whose trigger fires within a few seconds of its deferral.
_MIN_SECONDS_DEFERRED = 10.0
_MIN_INTERVAL_SECONDS = 0.1
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
        """Return the poller; raises ``InvalidRequest`` for an id or metadata that no vector can have."""
        return Poller(
            condition(self.namespace, self.vector_id, self.metadata),
            interval_seconds=max(self.poke_interval, _MIN_INTERVAL_SECONDS),
            deadline=deadline,
        )


def check_once(hook: UpstashVectorHook, poller: Poller) -> PollDecision:
    """Look once from the worker; return what to do then."""
    try:
        result = hook.get_conn().run(poller.condition.request())
    except UpstashVectorError as error:
        return poller.after_error(error, time.time())
    return poller.after_result(result, time.time())


def wait(
    operator: BaseOperator,
    hook: UpstashVectorHook,
    wait_spec: Wait,
    *,
    deferrable: bool,
    stop: CancelToken,
    resume_data: dict[str, Any],
) -> None:
    """Return when the condition is met, or defer to come back in ``execute_complete``, ``carried`` in the event.

    Raises as :func:`finish`, and :class:`WaitFailed` where ``stop`` is asked for.
    """
    deadline = time.time() + wait_spec.timeout
    with airflow_errors("wait", namespace=wait_spec.namespace):
        poller = wait_spec.poller(deadline)
    decision = check_once(hook, poller)
    while isinstance(decision, KeepPolling):
        operator.log.info("%s.", decision.message)
        if deferrable and not stop.cancelled:
            defer(operator, hook, wait_spec, deadline=deadline, resume_data=resume_data)
        if stop.sleep(decision.seconds):
            raise WaitFailed(f"the wait was stopped: {decision.message}")
        decision = check_once(hook, poller)
    finish(decision)
    operator.log.info("%s.", decision.message)


def defer(
    operator: BaseOperator,
    hook: UpstashVectorHook,
    wait_spec: Wait,
    *,
    deadline: float,
    resume_data: dict[str, Any] | None = None,
) -> None:
    """Leave the worker until the trigger fires; never returns."""
    operator.defer(
        trigger=UpstashVectorTrigger(
            upstash_vector_conn_id=hook.upstash_vector_conn_id,
            namespace=wait_spec.namespace,
            vector_id=wait_spec.vector_id,
            metadata=wait_spec.metadata,
            poke_interval=max(wait_spec.poke_interval, _MIN_INTERVAL_SECONDS),
            first_poll_seconds=max(wait_spec.poke_interval, _MIN_SECONDS_DEFERRED),
            deadline=max(deadline, time.time() + _MIN_SECONDS_DEFERRED),
            resume_data=resume_data,
        ),
        method_name="execute_complete",
        timeout=timedelta(seconds=wait_spec.timeout + _SECONDS_FOR_THE_TRIGGERER),
    )


def finish(end: Finished) -> None:
    """Return where the condition is met.

    Raises ``AirflowSensorTimeout``, ``AirflowFailException`` for what no retry can mend, else :class:`WaitFailed`.
    """
    if end.status == "timeout":
        raise AirflowSensorTimeout(end.message)
    if end.status == "failed":
        if end.permanent:
            raise AirflowFailException(end.message)
        raise WaitFailed(end.message) from (end.cause.error() if end.cause else None)


def end_of(event: dict[str, Any]) -> Finished:
    """Return the end that a trigger's event tells of."""
    cause = Cause(**event["cause"]) if event["cause"] else None
    return Finished(event["status"], event["message"], permanent=event["permanent"], cause=cause)
