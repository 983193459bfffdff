"""The sensor that waits until what was written is indexed, or a vector is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSkipException,
    BaseSensorOperator,
    Context,
    XComArg,
    conf,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators import waiting
from airflow_provider_upstash_vector.operators.exact_templates import ExactTemplatesOperator
from airflow_provider_upstash_vector.operators.rendered_values import optional_text, rendered_value
from airflow_provider_upstash_vector.waiting.poller import End, Poller


class UpstashVectorIndexReadySensor(ExactTemplatesOperator, BaseSensorOperator):
    """Wait until nothing that was written is pending, so that queries find it; or until a vector is there.

    ``poke_interval``, ``timeout``, ``mode`` and ``soft_fail`` are those of every sensor. Five failed looks in a
    row are tolerated; what no retry can mend fails the task at once.

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
        self._poller: Poller | None = None

    @cached_property
    def hook(self) -> UpstashVectorHook:
        """The hook on the sensor's connection."""
        return UpstashVectorHook(self.upstash_vector_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait from the worker, or look once and defer."""
        with self.hook:
            if not self.deferrable:
                return super().execute(context)
            try:
                waiting.wait(self, self.hook, self._wait(), deferrable=True)
            except AirflowException as error:
                self._skip_softly(error)
        return None

    def poke(self, context: Context) -> bool:  # noqa: ARG002 - Airflow passes it
        """Look once."""
        if self._poller is None:
            self._poller = self._wait().poller(None)
        decision = waiting.look(self.hook, self._poller)
        self.log.info("%s.", decision.told)
        if not isinstance(decision, End):
            return False
        waiting.finish(decision)
        return True

    def execute_complete(self, context: Context, event: dict[str, Any], result: Any = None) -> None:  # noqa: ARG002 - as above
        """Come back from the triggerer."""
        end = waiting.end_of(event)
        try:
            waiting.finish(end)
        except AirflowException as error:
            self._skip_softly(error)
        self.log.info("%s.", end.told)

    def _wait(self) -> waiting.Wait:
        with airflow_errors("wait", namespace=self.namespace, id=self.vector_id):
            namespace = self.hook.resolve_namespace(optional_text(self.namespace, "namespace"))
            return waiting.Wait(
                namespace=None if self.whole_index else namespace,
                vector_id=optional_text(self.vector_id, "vector_id"),
                metadata=rendered_value(self.metadata, "metadata", "a JSON object"),
                poke_interval=self.poke_interval,
                timeout=self.timeout,
            )

    def _skip_softly(self, error: AirflowException) -> None:
        if self.soft_fail:
            raise AirflowSkipException(str(error)) from error
        raise error
