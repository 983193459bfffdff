"""The operator that exports vectors to files."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import ExportFailed
from airflow_provider_upstash_vector.bulk.exports.options import Compression, ExportFormat, ExportOptions, Field
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import ReadResult
from airflow_provider_upstash_vector.operators.base.arguments import (
    is_literal,
    optional_text,
    rendered_path,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator, task_instance
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk import ExportReport

_NAMES = 'the name of a namespace, "*" or a list of names'


class ExportVectorsOperator(LineageMixin, UpstashVectorOperator):
    """Write all vectors of namespaces to files, and a manifest to restore them from; return a small report.

    A retry resumes where the previous attempt stopped. The read-only token is enough. If the index is written to
    meanwhile, ``changed_meanwhile`` is true. Restore with ``BulkUpsertVectorsOperator(rows=".../manifest.json")``.

    :param path: the folder, a path or the URI of any object store that Airflow supports. It must not have another
        export: put the date into it, ``s3://backups/{{ ds }}/``.
    :param namespaces: ``"*"`` for all, also the default one; a name, or a list of names.
    :param prefix: only vectors whose id starts with it.
    :param format: ``"jsonl"`` or ``"parquet"``.
    :param compression: of JSON Lines, ``"gz"`` or ``"zst"``; Parquet is compressed inside.
    :param include: which of ``"vectors"``, ``"metadata"`` and ``"data"``; all by default.
    :param page_size: vectors read in a request, at most 1,000; fewer of more than 1,000 dimensions.
    :param max_part_bytes: the size at which a file ends and the next one begins.
    :param max_concurrency: the maximum of namespaces read side by side, 1 to 64; as many as have four full pages.
    :param time_limit_seconds: seconds after which the task stops and fails; a retry resumes.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    template_fields: Sequence[str] = (
        "path",
        "namespaces",
        "prefix",
        "time_limit_seconds",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        path: str | PathLike[str] | XComArg,
        namespaces: str | Sequence[str] | XComArg = ExportOptions.namespaces,
        prefix: str | XComArg | None = ExportOptions.prefix,
        format: ExportFormat = ExportOptions.format,
        compression: Compression | None = ExportOptions.compression,
        include: Sequence[Field] = ExportOptions.include,
        page_size: int = ExportOptions.page_size,
        max_part_bytes: int = ExportOptions.max_part_bytes,
        max_concurrency: int = ExportOptions.max_concurrency,
        time_limit_seconds: float | str | XComArg | None = ExportOptions.time_limit_seconds,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.namespaces = namespaces
        self.prefix = prefix
        self.format = format
        self.compression = compression
        self.include = include
        self.page_size = page_size
        self.max_part_bytes = max_part_bytes
        self.max_concurrency = max_concurrency
        self.time_limit_seconds = time_limit_seconds
        rendered = {name: unwrap(getattr(self, name)) for name in self.template_fields}
        ExportOptions(
            **{
                name: value
                for name, value in self._options().items()
                if name not in rendered or (name != "namespaces" and is_literal(rendered[name]))
            }
        )

    def _options(self) -> dict[str, Any]:
        names = ExportOptions.__dataclass_fields__
        return {name: unwrap(getattr(self, name)) for name in names}

    def execute(self, context: Context) -> dict[str, Any]:
        """Export the vectors; return the report as plain JSON values."""
        self.unwrap_fields()
        with airflow_errors("export"), self.hook as hook:
            self.persist_link(context)
            path = rendered_path(self.path, "path")
            if path is None:
                raise InvalidRequest("path", "must not be empty")
            try:
                report = hook.export(
                    path,
                    **self._rendered_options(),
                    owner=task_instance(context),
                    cancel_token=self.cancel_token,
                    progress="log",
                    log=self.log,
                )
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, ExportFailed) else error.__cause__
                if isinstance(failure, ExportFailed):
                    if self.do_xcom_push:
                        context["ti"].xcom_push(key="return_value", value=failure.report.to_dict())
                    self._emit(hook, failure.report)
                raise
            self._emit(hook, report)
        self.log.info("%s", report)
        if report.changed_meanwhile:
            self.log.warning("The index was written to meanwhile: rows may be missing, or be there twice.")
        result: dict[str, Any] = report.to_dict()
        return result

    def _rendered_options(self) -> dict[str, Any]:
        namespaces, seconds = self.namespaces, self.time_limit_seconds
        if isinstance(namespaces, str) and namespaces.lstrip().startswith("["):
            namespaces = rendered_value(namespaces, "namespaces", _NAMES)
        return {
            **self._options(),
            "namespaces": namespaces,
            "prefix": optional_text(self.prefix, "prefix"),
            "time_limit_seconds": rendered_value(seconds, "time_limit_seconds", "a number"),
        }

    def _emit(self, hook: UpstashVectorHook, report: ExportReport) -> None:
        metrics.emit_metrics(
            "exports", {"exported": report.this_attempt.done}, metrics.request_stats(report.this_attempt)
        )
        self.emit_read(ReadResult(host=hook.settings.endpoint.url, namespaces=[*report.rows_by_namespace]))
