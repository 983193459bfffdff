"""Lineage of the operators that read or write an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.lineage import (
    ReadResult,
    WriteResult,
    add_to_hook_lineage,
    openlineage,
    outlets_with_events,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_upstash_vector.bulk import BulkReport


class LineageMixin(UpstashVectorOperator):
    """Reports what a task has read or written to hook lineage, OpenLineage and the events of its outlets."""

    read_result: ReadResult | None = None
    write_result: WriteResult | None = None

    def emit_read(self, result: ReadResult) -> None:
        """Report what was read."""
        self.read_result = result
        add_to_hook_lineage(self.hook, result)

    def emit_lineage(self, context: Context, result: WriteResult) -> None:
        """Report what was written; also if that is nothing, or if the task is about to fail."""
        self.write_result = result
        add_to_hook_lineage(self.hook, result)
        # Of this task instance alone: Airflow executes a copy of the operator.
        self.outlets = outlets_with_events(self.outlets, context, result)

    def emit_report(self, context: Context, report: BulkReport) -> None:
        """Report what a bulk run has written, and emit its metrics."""
        metrics.emit_bulk_metrics(report)
        counts = ("total", "missing", "rejected", "failed", "not_attempted")
        result = WriteResult(
            host=self.hook.settings.endpoint.url,
            outcome=report.outcome,
            rows=report.rows_by_namespace,
            run={report.outcome: report.done, **{count: getattr(report, count) for count in counts}},
        )
        self.emit_lineage(context, result)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any] | None:  # noqa: ARG002 - OpenLineage passes it
        """Return the datasets that were read or written; OpenLineage also calls this after a failure."""
        return openlineage(self.write_result, self.read_result)
