"""The sensor that waits until writes are indexed, or a vector exists."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    BaseSensorOperator,
    Context,
    XComArg,
    conf,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.operators.base import waiting
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_value
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.polling.poller import Finished, Poller

__all__ = ["UpstashVectorIndexReadySensor"]


class UpstashVectorIndexReadySensor(UpstashVectorOperator, BaseSensorOperator):
    """Wait until no vectors are pending, so that queries find all writes; or until a vector exists.

    ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and ``never_fail`` are those of every sensor. Up to
    five consecutive failed checks are tolerated; a permanent error fails the task at once.

    :param namespace: the namespace to check; ``None`` is the connection's, ``""`` the index's default one.
    :param whole_index: check all namespaces.
    :param vector_id: wait until this vector can be fetched.
    :param metadata: wait until the vector's metadata contains this, at every level.
    :param deferrable: wait in the triggerer, without a worker; by default as ``[operators] default_deferrable``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token, which may be read-only.
    """

    template_fields: Sequence[str] = ("namespace", "vector_id", "metadata", "upstash_vector_conn_id")
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata": "json"}
    ui_color = "#d9fbe9"
    operator_extra_links = ()  # the link is for tasks that write

    def __init__(
        self,
        *,
        namespace: str | XComArg | None = None,
        whole_index: bool = False,
        vector_id: str | XComArg | None = None,
        metadata: Mapping[str, Any] | str | XComArg | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if whole_index and vector_id is not None:
            raise ValueError("whole_index and vector_id are mutually exclusive")
        if metadata is not None and vector_id is None:
            raise ValueError("metadata requires vector_id")
        self.namespace = namespace
        self.whole_index = whole_index
        self.vector_id = vector_id
        self.metadata = metadata
        self.deferrable = deferrable
        self._required_fields = {
            name for name, value in (("vector_id", vector_id), ("metadata", metadata)) if value is not None
        }
        self._started: tuple[waiting.WaitSpec, Poller, float | None] | None = None

    def execute(self, context: Context) -> Any:
        """Wait in the worker, or check once and defer."""
        self.unwrap_fields()
        with airflow_errors("wait"):
            hook = self.hook
        with hook:
            return super().execute(context)

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow passes it
        """Check once; if the sensor is deferrable, defer then.

        Airflow's own ``execute`` calls this in every mode, so that ``soft_fail`` and the like work alike.
        """
        if self._started is None:
            self._started = self._start()
        wait_spec, poller, deadline = self._started
        if poller.is_throttled(time.time()):
            return False
        decision = waiting.check_once(self.hook, poller)
        self.log.info("%s.", decision.message)
        if isinstance(decision, Finished):
            waiting.raise_unless_met(decision)
            return True
        if deadline is not None and not self.cancel_token.cancelled:
            waiting.defer(self, wait_spec, deadline=deadline)
        return False

    def _get_next_poke_interval(self, *arguments: Any, **options: Any) -> float:
        """Sleep between two checks, until ``on_kill``; Airflow's own sleep cannot be interrupted."""
        seconds: float = super()._get_next_poke_interval(*arguments, **options)
        if self.cancel_token.sleep(0 if self.reschedule else seconds):
            raise waiting.WaitFailed("the wait was cancelled")
        return seconds if self.reschedule else 0

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - as above
        """Resume after the deferral, within Airflow's ``resume_execution``, which handles ``soft_fail``.

        It handles ``never_fail`` for Airflow's own exceptions only, and on Airflow 2 not at all.
        """
        finished = waiting.finished_from(event)
        try:
            waiting.raise_unless_met(finished)
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
            raise
        self.log.info("%s.", finished.message)

    def _start(self) -> tuple[waiting.WaitSpec, Poller, float | None]:
        """Return the wait, its poller and, if the sensor is deferrable, its deadline."""
        with airflow_errors("wait", namespace=self.namespace, id=self.vector_id):
            namespace = self.hook.resolve_namespace(optional_text(self.namespace, "namespace"))
            wait_spec = waiting.WaitSpec(
                namespace=None if self.whole_index else namespace,
                vector_id=self._rendered("vector_id", optional_text(self.vector_id, "vector_id")),
                metadata=self._rendered("metadata", rendered_value(self.metadata, "metadata", "a JSON object")),
                poke_interval=self.poke_interval,
                timeout=self.timeout,
            )
            deadline = time.time() + self.timeout if self.deferrable else None
            return wait_spec, wait_spec.poller(deadline), deadline

    def _rendered(self, field: str, value: Any) -> Any:
        """Return a field's value. Without a field that the DAG sets, the sensor would wait for something else."""
        if value is None and field in self._required_fields:
            raise InvalidRequest(field, "is set, but rendered to an empty value")
        return value
