"""Waiting in a task for an index, in the worker or deferred to the triggerer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    Context,
    conf,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import duration_seconds
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.polling.conditions import condition
from airflow_provider_upstash_vector.polling.poller import Cause, Finished, KeepPolling, PollDecision, Poller
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger

# Airflow 3.3 may lose a task whose trigger fires within a few seconds of its deferral.
_MIN_DEFERRED_SECONDS = 10.0
_MIN_INTERVAL_SECONDS = 0.1
# The trigger reports a timeout itself; Airflow's own only ends a wait that no triggerer runs.
_TRIGGERER_GRACE_SECONDS = 300.0


class WaitFailed(Exception):
    """The index could not be checked, or the wait was cancelled; a retry may help.

    Not an ``AirflowException``: after a deferral, a sensor with ``soft_fail`` would skip on one, while in a worker
    it would fail. A retry policy decides by ``__cause__``.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitSpec:
    """The arguments of :func:`condition`, with the seconds between checks and until the timeout."""

    namespace: str | Sequence[str] | None = None
    vector_id: str | None = None
    metadata: dict[str, Any] | None = None
    after_write: bool = False
    poke_interval: float = 60.0
    timeout: float = 3600.0

    def poller(self, deadline: float | None) -> Poller:
        """Return the poller. Raises ``InvalidRequest`` for an id or metadata that no vector can have."""
        return Poller(
            condition(self.namespace, self.vector_id, self.metadata, after_write=self.after_write),
            interval_seconds=max(self.poke_interval, _MIN_INTERVAL_SECONDS),
            deadline=deadline,
        )


def check_once(hook: UpstashVectorHook, poller: Poller) -> PollDecision:
    """Check the index from the worker; return the decision."""
    try:
        result = hook.get_conn().run(poller.condition.request())
    except UpstashVectorError as error:
        return poller.after_error(error, time.time())
    return poller.after_result(result, time.time())


def wait(
    operator: UpstashVectorOperator,
    wait_spec: WaitSpec,
    *,
    deferrable: bool,
    resume_data: dict[str, Any],
) -> None:
    """Return when the condition is met, or defer; ``execute_complete`` gets ``resume_data`` in the event.

    Raises as :func:`raise_unless_met`, and :class:`WaitFailed` if cancelled.
    """
    deadline = time.time() + wait_spec.timeout
    with airflow_errors("wait", namespace=wait_spec.namespace):
        poller = wait_spec.poller(deadline)
    decision = check_once(operator.hook, poller)
    while isinstance(decision, KeepPolling):
        confirming = "; checking again, since the first count may be older than the write"
        operator.log.info("%s%s.", decision.message, confirming if decision.confirms else "")
        if deferrable and not decision.confirms and not operator.cancel_token.cancelled:
            defer(operator, wait_spec, deadline=deadline, resume_data=resume_data)
        if operator.cancel_token.sleep(decision.seconds):
            raise WaitFailed(f"the wait was cancelled: {decision.message}")
        decision = check_once(operator.hook, poller)
    raise_unless_met(decision)
    operator.log.info("%s.", decision.message)


def defer(
    operator: UpstashVectorOperator,
    wait_spec: WaitSpec,
    *,
    deadline: float,
    resume_data: dict[str, Any] | None = None,
) -> None:
    """Free the worker until the trigger fires; never returns."""
    operator.defer(
        trigger=UpstashVectorTrigger(
            upstash_vector_conn_id=operator.upstash_vector_conn_id,
            namespace=wait_spec.namespace,
            vector_id=wait_spec.vector_id,
            metadata=wait_spec.metadata,
            after_write=wait_spec.after_write,
            poke_interval=max(wait_spec.poke_interval, _MIN_INTERVAL_SECONDS),
            first_check_seconds=max(wait_spec.poke_interval, _MIN_DEFERRED_SECONDS),
            deadline=max(deadline, time.time() + _MIN_DEFERRED_SECONDS),
            resume_data=resume_data,
        ),
        method_name="execute_complete",
        timeout=timedelta(seconds=wait_spec.timeout + _TRIGGERER_GRACE_SECONDS),
    )


def raise_unless_met(finished: Finished) -> None:
    """Return if the condition is met.

    Raises ``AirflowSensorTimeout`` on a timeout, ``AirflowFailException`` for a permanent error, else
    :class:`WaitFailed`.
    """
    if finished.status == "timeout":
        raise AirflowSensorTimeout(finished.message)
    if finished.status == "failed":
        if finished.permanent:
            raise AirflowFailException(finished.message)
        raise WaitFailed(finished.message) from (finished.cause.error() if finished.cause else None)


def finished_from(event: dict[str, Any]) -> Finished:
    """Return the decision in a trigger's event."""
    cause = Cause(**event["cause"]) if event["cause"] else None
    return Finished(event["status"], event["message"], permanent=event["permanent"], cause=cause)


class WaitUntilIndexedMixin(LineageMixin):
    """Waits after a write until the index has no pending vectors, if ``wait_until_indexed`` is set.

    ``poke_interval`` and ``wait_timeout`` are seconds or a ``timedelta``. Raises ``TypeError`` or ``ValueError``
    for other values.
    """

    def __init__(
        self,
        *,
        wait_until_indexed: bool = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = 10.0,
        wait_timeout: timedelta | float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_until_indexed = wait_until_indexed
        self.deferrable = deferrable
        self.poke_interval = duration_seconds(poke_interval, "poke_interval")
        self.wait_timeout = duration_seconds(wait_timeout, "wait_timeout")

    def when_indexed(self, namespace: str | Sequence[str] | None, result: Any, **resume_data: Any) -> Any:
        """Return ``result``, after the wait if one is wanted; ``None`` waits for all namespaces.

        Airflow stores ``result`` and ``resume_data`` while the task is deferred.
        """
        if self.wait_until_indexed:
            write_result = asdict(self.write_result) if self.write_result else None
            wait(
                self,
                WaitSpec(
                    namespace=namespace,
                    after_write=True,
                    poke_interval=self.poke_interval,
                    timeout=self.wait_timeout,
                ),
                deferrable=self.deferrable,
                resume_data={"result": result, "write_result": write_result, **resume_data},
            )
        return result

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Resume after the deferral; return the result from before it.

        Lineage is emitted again: Airflow gives an outlet's event only what this process reports.
        """
        resume_data = event["resume_data"]
        if resume_data["write_result"] is not None:
            self.emit_lineage(context, WriteResult(**resume_data["write_result"]))
        finished = finished_from(event)
        raise_unless_met(finished)
        self.log.info("%s.", finished.message)
        return resume_data["result"]
