"""The base of the operators that change namespaces as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin


class NamespaceOperator(LineageMixin, UpstashVectorOperator):
    """Base of the operators of namespaces; ``call`` names the call of the client."""

    call: ClassVar[str]
    template_fields: Sequence[str] = ("namespace", "upstash_vector_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = "#d9fbe9"

    @abstractmethod
    def run_call(self, hook: UpstashVectorHook, context: Context) -> Any:
        """Send what is needed; return the task's result."""

    def execute(self, context: Context) -> Any:
        """Make the call, with the retries that the connection allows."""
        self.unwrap_fields()
        with airflow_errors(self.call), self.hook as hook:
            self.persist_link(context)
            try:
                return self.run_call(hook, context)
            finally:
                metrics.emit_metrics(self.call, {}, hook.request_stats)

    def report(self, context: Context, hook: UpstashVectorHook, outcome: str, namespaces: Collection[str]) -> None:
        """Report the namespaces that were changed as a whole."""
        rows = dict.fromkeys(namespaces)
        self.emit_lineage(context, WriteResult(host=hook.settings.endpoint.url, outcome=outcome, rows=rows))
