"""The operator that makes a namespace equal to its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import SyncFailed
from airflow_provider_upstash_vector.bulk.syncing.options import Mode, OnDuplicate, Scope, SyncOptions, Verify
from airflow_provider_upstash_vector.client.base import RequestStats
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_path
from airflow_provider_upstash_vector.operators.base.bulk import airflow_error_from_rows
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.narrowing import refuse_unset, set_arguments
from airflow_provider_upstash_vector.operators.base.options import check_literal_options, rendered_options
from airflow_provider_upstash_vector.operators.bulk import VectorRowsOperator

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk import SyncReport

_NOT_ARGUMENTS = {*SyncOptions.left_out, "checkpoint"}
_SHARED_TEMPLATES = (
    *("rows", "namespace", "failures_path", "max_concurrency", "max_rows_per_second", "daily_budget"),
    *("time_limit_seconds", "upstash_vector_conn_id"),
)
# valid values for templates that other options depend on, when the DAG is parsed
_ANY: dict[str, Any] = {"prefix": "any", "max_delete": 0}


class SyncVectorsOperator(VectorRowsOperator):
    """Make the vectors of a namespace, or of a prefix in it, those of a source; return the counts.

    The source is read to its end and compared with the index, and only what differs is written. With
    ``delete_missing``, what is in no row is deleted, unless anything failed. Its state is in the index: a retry
    needs no checkpoint. The counts are also pushed to XCom when the task fails; those of a plan have ``markdown``
    for an ``ApprovalOperator``.

    ``namespace``, ``plan_path`` and ``config_version`` may not render to ``None`` or an empty text, nor a template
    within ``prefix``: other vectors would be deleted or written again, or what nobody approved.

    :param rows: in any form that ``BulkUpsertVectorsOperator`` takes: all vectors that the scope is to have.
    :param namespace: the namespace; ``None`` for the connection's, ``""`` for the default one.
    :param plan_path: a file in which ``mode="plan"`` leaves counts and hashes of the ids; ``apply`` fails before
        it writes if they are others by then.
    :param failures_path: a JSON Lines file for rejected and failed rows.
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.syncing.options.SyncArguments`.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the sync, wait until nothing is pending in the namespace, so that queries find
        the changes; a retry then only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = SyncOptions
    narrowing_fields = ("prefix",)
    template_fields: Sequence[str] = (
        *_SHARED_TEMPLATES,
        *("prefix", "mode", "plan_path", "config_version", "delete_missing", "max_delete"),
    )

    def __init__(
        self,
        *,
        scope: Scope | None = SyncOptions.scope,
        prefix: str | XComArg | None = SyncOptions.prefix,
        mode: Mode | str | XComArg = SyncOptions.mode,
        plan_path: str | PathLike[str] | XComArg | None = None,
        config_version: str | XComArg = SyncOptions.config_version,
        fingerprint_key: str = SyncOptions.fingerprint_key,
        keep_metadata: Sequence[str] = SyncOptions.keep_metadata,
        verify: Verify | None = SyncOptions.verify,
        on_duplicate: OnDuplicate = SyncOptions.on_duplicate,
        delete_missing: bool | str | XComArg = SyncOptions.delete_missing,
        max_delete: int | str | XComArg | None = SyncOptions.max_delete,
        page_size: int = SyncOptions.page_size,
        max_rows_per_request: int = SyncOptions.max_rows_per_request,
        request_timeout_seconds: float = SyncOptions.request_timeout_seconds,
        **kwargs: Any,
    ) -> None:
        if given := sorted(_NOT_ARGUMENTS & kwargs.keys()):
            raise TypeError(f"SyncVectorsOperator has no argument {given[0]}")
        super().__init__(**kwargs)
        self.scope = scope
        self.prefix = prefix
        self.mode = mode
        self.plan_path = plan_path
        self.config_version = config_version
        self.fingerprint_key = fingerprint_key
        self.keep_metadata = keep_metadata
        self.verify = verify
        self.on_duplicate = on_duplicate
        self.delete_missing = delete_missing
        self.max_delete = max_delete
        self.page_size = page_size
        self._set = set_arguments(namespace=self.namespace, config_version=config_version)
        self._has_plan = unwrap(plan_path) is not None
        self.max_rows_per_request = max_rows_per_request
        self.request_timeout_seconds = request_timeout_seconds
        check_literal_options(self, _ANY)

    def execute(self, context: Context) -> dict[str, Any]:
        """Compare the rows with the index, and write what differs; return the counts."""
        self.unwrap_fields()
        with airflow_errors("sync", namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            refuse_unset(self, self._set)
            options = rendered_options(self)
            sync: Callable[..., SyncReport] = hook.sync
            try:
                report = sync(
                    self._rows(),
                    namespace=optional_text(self.namespace, "namespace"),
                    budget_store=self._budget_store(context, "auto", options["daily_budget"]),
                    cancel_token=self.cancel_token,
                    progress="log",
                    log=self.log,
                    **self.paths(),
                    **options,
                )
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, SyncFailed) else error.__cause__
                if isinstance(failure, SyncFailed):
                    if self.do_xcom_push:
                        context["ti"].xcom_push(key="return_value", value=failure.report.to_dict())
                    self._emit_sync(context, hook, failure.report)
                    raised_by_rows = airflow_error_from_rows(failure.__cause__)
                    if raised_by_rows is not None:
                        raise raised_by_rows from raised_by_rows.__cause__
                raise
            self._emit_sync(context, hook, report)
            self.log.info("%s", report)
            manifest: dict[str, Any] = report.to_dict()
            if report.mode == "apply":  # also if a try before, whose wait failed, has written all
                self.when_indexed(report.namespace, manifest, checkpoint=None)
        return manifest

    def paths(self) -> dict[str, str | None]:
        """Return the files that the run writes, by argument."""
        plan_path = rendered_path(self.plan_path, "plan_path")
        if plan_path is None and self._has_plan:
            reason = "its template rendered to no path, so nothing would be compared with the approved plan"
            raise InvalidRequest("plan_path", f"{reason}: render a path, or leave the argument out")
        return {**super().paths(), "plan_path": plan_path}

    def _emit_sync(self, context: Context, hook: UpstashVectorHook, report: SyncReport) -> None:
        written = report.operations["written"]
        metrics.emit_metrics("syncs", {"written": written, "unchanged": report.unchanged}, RequestStats())
        names = ("added", "changed", "metadata_only", "adopted", "unchanged", "deleted")
        result = WriteResult(
            host=hook.settings.endpoint.url,
            outcome="written",
            rows={report.namespace: written},
            run={name: getattr(report, name) for name in names},
        )
        self.emit_lineage(context, result)
