"""What operators that write to an index have in common: they tell Airflow what they have written."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_upstash_vector.lineage import (
    WriteResult,
    add_to_hook_lineage,
    openlineage,
    outlets_with_events,
)
from airflow_provider_upstash_vector.operators.base.templates import LiteralSafeTemplateMixin

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook


class LineageMixin(LiteralSafeTemplateMixin):
    """Tells of what it has written: to hook lineage, to its outlets' events and to OpenLineage."""

    _written: WriteResult | None = None

    def emit_lineage(self, context: Context, hook: UpstashVectorHook, written: WriteResult) -> None:
        """Tell what was written, also where that is nothing or the task fails in the end."""
        self._written = written
        add_to_hook_lineage(hook, written)
        # Of this task instance alone: Airflow executes a copy of the operator.
        self.outlets = outlets_with_events(self.outlets, context, written)

    def written(self) -> dict[str, Any] | None:
        """Return what was written as JSON values."""
        return asdict(self._written) if self._written else None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002 - OpenLineage passes it
        """Return what was written for OpenLineage, which also asks for it when the task has failed."""
        return openlineage(self._written) if self._written else None
