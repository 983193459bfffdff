"""The sensor that waits until what was written is indexed, or a vector is there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
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
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base import waiting
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_value
from airflow_provider_upstash_vector.operators.base.templates import LiteralSafeTemplateMixin
from airflow_provider_upstash_vector.polling.poller import Finished, Poller


class UpstashVectorIndexReadySensor(LiteralSafeTemplateMixin, BaseSensorOperator):
    """Wait until nothing that was written is pending, so that queries find it; or until a vector is there.

    ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` and ``never_fail`` are those of every sensor. Five
    failed looks in a row are tolerated; what no retry can mend fails the task at once.

    :param namespace: whose vectors; ``None`` for the connection's, ``""`` for the index's default one.
    :param whole_index: look at all namespaces instead.
    :param vector_id: wait for this vector to be fetchable instead.
    :param metadata: and for its metadata to have all of this, at every level.
    :param deferrable: wait in the triggerer, without a worker; by default as ``[operators] default_deferrable``
        says.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token; a read-only one
        is enough.
    """

    template_fields: Sequence[str] = ("namespace", "vector_id", "metadata", "upstash_vector_conn_id")
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata": "json"}
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        namespace: str | XComArg | None = None,
        whole_index: bool = False,
        vector_id: str | XComArg | None = None,
        metadata: Mapping[str, Any] | str | XComArg | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        upstash_vector_conn_id: str = UpstashVectorHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if whole_index and vector_id is not None:
            raise ValueError("whole_index is given together with vector_id, which is in one namespace")
        if metadata is not None and vector_id is None:
            raise ValueError("metadata is given without vector_id")
        self.namespace = namespace
        self.whole_index = whole_index
        self.vector_id = vector_id
        self.metadata = metadata
        self.deferrable = deferrable
        self.upstash_vector_conn_id = upstash_vector_conn_id
        self._fields_given = {
            name for name, value in (("vector_id", vector_id), ("metadata", metadata)) if value is not None
        }
        self._began: tuple[waiting.Wait, Poller, float | None] | None = None

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the sensor's connection."""
        return UpstashVectorHook(self.upstash_vector_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait from the worker, or look once and defer."""
        with self.hook:
            return super().execute(context)

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow passes it
        """Look once; where it is deferrable, defer after that.

        Airflow's own ``execute`` calls this in all modes, and so treats ``soft_fail`` and the like alike in all.
        """
        if self._began is None:
            self._began = self._begin()
        wait_spec, poller, deadline = self._began
        if poller.is_held(time.time()):
            return False
        decision = waiting.check_once(self.hook, poller)
        self.log.info("%s.", decision.message)
        if isinstance(decision, Finished):
            waiting.finish(decision)
            return True
        if deadline is not None:
            waiting.defer(self, self.hook, wait_spec, deadline=deadline)
        return False

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - as above
        """Come back from the triggerer, within Airflow's ``resume_execution``, which treats ``soft_fail``.

        On Airflow 2 it does not treat ``never_fail``, and never for what is no exception of Airflow's.
        """
        end = waiting.end_of(event)
        try:
            waiting.finish(end)
        except Exception as error:
            if self.never_fail:
                raise AirflowSkipException("Skipping due to never_fail is set to True.") from error
            raise
        self.log.info("%s.", end.message)

    def _begin(self) -> tuple[waiting.Wait, Poller, float | None]:
        """Return what is waited for, the poller and, where it is deferrable, the deadline."""
        with airflow_errors("wait", namespace=self.namespace, id=self.vector_id):
            namespace = self.hook.resolve_namespace(optional_text(self.namespace, "namespace"))
            wait_spec = waiting.Wait(
                namespace=None if self.whole_index else namespace,
                vector_id=self._given("vector_id", optional_text(self.vector_id, "vector_id")),
                metadata=self._given("metadata", rendered_value(self.metadata, "metadata", "a JSON object")),
                poke_interval=self.poke_interval,
                timeout=self.timeout,
            )
            deadline = time.time() + self.timeout if self.deferrable else None
            return wait_spec, wait_spec.poller(deadline), deadline

    def _given(self, field: str, value: Any) -> Any:
        """Return a field's value; one that was given and is nothing now would change what is waited for."""
        if value is None and field in self._fields_given:
            raise InvalidRequest(field, "was given, but rendered to nothing")
        return value
