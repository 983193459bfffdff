"""The operator that updates many vectors in one task."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    Context,
    XComArg,
)

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, CheckpointInUse
from airflow_provider_upstash_vector.bulk.options import OPTION_HELP, BulkOptions, OnBudget, OnMissing
from airflow_provider_upstash_vector.bulk.sources import Format
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.hooks.task_state import TaskStateCheckpoint
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import (
    literal_mode,
    optional_text,
    rendered_path,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.display import MAX_SHOWN_ITEMS, unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

if TYPE_CHECKING:
    from jinja2 import Environment

    from airflow_provider_upstash_vector.bulk import BulkReport, CheckpointStore

_ROWS = "a path, a URI or a list of rows"
# the options that are not templates
_OPTIONS = OPTION_HELP.keys() - {"namespace", "metadata_update_mode", "resume", "shard"}


class BulkUpdateVectorsOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Change many stored vectors, one update each, from a list, a file or a table; return a small manifest.

    The manifest is also pushed to XCom when the task fails. Non-retryable errors fail the task immediately; after
    others, a retry resumes where the previous attempt stopped.

    :param rows: a path or URI of a JSON, CSV or Parquet file (``.gz``, ``.zst``), a folder of Spark, a glob, or
        a list of these; a list of rows, or an XComArg or template of one; a DataFrame, an Arrow table, any
        iterable. A row has ``id`` and any of ``vector``, ``sparse_vector``, ``data``, ``metadata``,
        ``metadata_update_mode``, ``namespace``.
    :param namespace: for rows that set none; ``None`` for the connection's, ``""`` for the default one.
    :param failures_path: a JSON Lines file for rejected and failed rows, which can be passed as ``rows`` again.
    :param missing_path: a JSON Lines file for the ids that are not in the index.
    :param checkpoint: where a retry resumes: ``"auto"``, in the task's state (Airflow 3.3 and later); a path or
        URI, which other DAG runs resume from too; or ``None``.
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.options.BulkArguments`.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the updates, wait until nothing is pending in the updated namespaces, so that
        queries find the changes; a retry then only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    template_fields: Sequence[str] = (
        "rows",
        "namespace",
        "metadata_update_mode",
        "failures_path",
        "missing_path",
        "checkpoint",
        "resume",
        "shard",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        rows: Any,
        namespace: str | XComArg | None = None,
        metadata_update_mode: str | XComArg | None = BulkOptions.metadata_update_mode,
        concurrency: int = BulkOptions.concurrency,
        max_requests_per_second: float | None = BulkOptions.max_requests_per_second,
        max_failures: int | str = BulkOptions.max_failures,
        on_missing: OnMissing = BulkOptions.on_missing,
        failures_path: str | PathLike[str] | XComArg | None = None,
        missing_path: str | PathLike[str] | XComArg | None = None,
        checkpoint: str | PathLike[str] | XComArg | None = "auto",
        daily_budget: int | None = BulkOptions.daily_budget,
        on_budget: OnBudget = BulkOptions.on_budget,
        time_limit_seconds: float | None = BulkOptions.time_limit_seconds,
        check_index: bool = BulkOptions.check_index,
        resume: bool | str | XComArg = BulkOptions.resume,
        dry_run: bool = BulkOptions.dry_run,
        shard: Sequence[int] | XComArg | None = BulkOptions.shard,
        format: Format | None = BulkOptions.format,
        delimiter: str | None = BulkOptions.delimiter,
        metadata_fields: Sequence[str] | None = BulkOptions.metadata_fields,
        id_field: str = BulkOptions.id_field,
        vector_field: str = BulkOptions.vector_field,
        sparse_vector_field: str = BulkOptions.sparse_vector_field,
        data_field: str = BulkOptions.data_field,
        metadata_field: str = BulkOptions.metadata_field,
        metadata_update_mode_field: str = BulkOptions.metadata_update_mode_field,
        namespace_field: str = BulkOptions.namespace_field,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.concurrency = concurrency
        self.max_requests_per_second = max_requests_per_second
        self.max_failures = max_failures
        self.on_missing = on_missing
        self.daily_budget = daily_budget
        self.on_budget = on_budget
        self.time_limit_seconds = time_limit_seconds
        self.check_index = check_index
        self._dry_run = dry_run  # every Airflow operator has a method `dry_run`
        self.format = format
        self.delimiter = delimiter
        self.metadata_fields = metadata_fields
        self.id_field = id_field
        self.vector_field = vector_field
        self.sparse_vector_field = sparse_vector_field
        self.data_field = data_field
        self.metadata_field = metadata_field
        self.metadata_update_mode_field = metadata_update_mode_field
        self.namespace_field = namespace_field
        # an invalid option fails when the DAG is parsed
        BulkOptions(**self._options(), metadata_update_mode=literal_mode(metadata_update_mode))
        self.rows = rows
        self.namespace = namespace
        self.metadata_update_mode = metadata_update_mode
        self.failures_path = failures_path
        self.missing_path = missing_path
        self.checkpoint = checkpoint
        self.resume = resume
        self.shard = shard

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render ``content``, but no long list of rows."""
        content = unwrap(content)
        if isinstance(content, list | tuple) and len(content) > MAX_SHOWN_ITEMS and not self._containers_around:
            return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the updates; return the manifest."""
        self.unwrap_fields()
        with airflow_errors("bulk_update", namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            path = rendered_path(self.checkpoint, "checkpoint")
            checkpoint = self._checkpoint_store(context, path)
            try:
                report = hook.bulk_update(
                    self._rows(),
                    namespace=optional_text(self.namespace, "namespace"),
                    metadata_update_mode=optional_text(self.metadata_update_mode, "metadata_update_mode"),
                    failures_path=rendered_path(self.failures_path, "failures_path"),
                    missing_path=rendered_path(self.missing_path, "missing_path"),
                    checkpoint=checkpoint,
                    budget_store=self._budget_store(context, path),
                    keep_checkpoint=self.wait_until_indexed,
                    resume=rendered_value(self.resume, "resume", "true or false"),
                    shard=self._shard(),
                    cancel_token=self.cancel_token,
                    progress="log",
                    log=self.log,
                    **self._options(),
                )
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, BulkJobFailed) else error.__cause__
                if isinstance(failure, BulkJobFailed):
                    if self.do_xcom_push:
                        context["ti"].xcom_push(key="return_value", value=failure.report.to_dict())
                    self._emit(context, hook, failure.report)
                raised_by_rows = _airflow_error_from_rows(error)
                if raised_by_rows is not None:
                    raise raised_by_rows from raised_by_rows.__cause__
                raise
            self._emit(context, hook, report)
            self.log.info("%s", report)
            # the checkpoint of an unfinished run is kept anyway, for the next run
            kept = path if self.wait_until_indexed and checkpoint is not None and report.finished else None
            if report.updated:
                namespaces = [*report.updated_by_namespace] if report.namespace_counts_exact else None
                self.when_indexed(namespaces, report.to_dict(), checkpoint=kept)
            self._forget(context, kept)
        return report.to_dict()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the deferral: forget the kept checkpoint; return the manifest."""
        manifest: dict[str, Any] = super().execute_complete(context, event)
        self._forget(context, event["resume_data"]["checkpoint"])
        return manifest

    def _emit(self, context: Context, hook: UpstashVectorHook, report: BulkReport) -> None:
        metrics.emit_bulk_metrics(report)
        counts = ("total", "updated", "missing", "rejected", "failed", "not_attempted")
        written = WriteResult(
            host=hook.settings.endpoint.url,
            updated=report.updated_by_namespace,
            run={count: getattr(report, count) for count in counts},
        )
        self.emit_lineage(context, written)

    def _options(self) -> dict[str, Any]:
        return {name: self._dry_run if name == "dry_run" else getattr(self, name) for name in _OPTIONS}

    def _rows(self) -> Any:
        if isinstance(self.rows, str) and self.rows.lstrip().startswith("["):
            return rendered_value(self.rows, "rows", _ROWS)
        return rendered_path(self.rows, "rows") if isinstance(self.rows, str) else self.rows

    def _shard(self) -> Any:
        shard = rendered_value(self.shard, "shard", "two whole numbers (i, n)")
        try:
            return BulkOptions(shard=shard).shard
        except ValueError as error:
            raise InvalidRequest("shard", str(error)) from None

    def _forget(self, context: Context, path: str | None) -> None:
        """Forget the checkpoint that was kept so that a retry of the wait sends no row again."""
        checkpoint = self._checkpoint_store(context, path)
        if checkpoint is not None:
            try:
                UpstashVectorHook.forget_checkpoint(checkpoint)
            except CheckpointInUse as error:
                self.log.info("The checkpoint is kept: %s", error)

    def _checkpoint_store(self, context: Context, path: str | None) -> CheckpointStore | None:
        if path is None:
            return None
        if path != "auto":
            return UpstashVectorHook.open_checkpoint(path, owner=_task_instance(context))
        store = _task_state(context)
        if store is None:
            self.log.info("No checkpoint: this version of Airflow has no task state. Set checkpoint to a path.")
        return store

    def _budget_store(self, context: Context, path: str | None) -> TaskStateCheckpoint | None:
        """Return what keeps the day's requests if no checkpoint at a path does."""
        store = _task_state(context)
        if self.daily_budget is None or path not in {"auto", None} or store is None:
            return None
        self.log.info(
            "daily_budget covers the tries of this task instance only; set checkpoint to a path to cover all runs "
            "that share it."
        )
        return store


def _task_state(context: Context) -> TaskStateCheckpoint | None:
    state = context.get("task_state_store")
    if state is None:
        return None
    return TaskStateCheckpoint(state, _task_instance(context))


def _task_instance(context: Context) -> str:
    ti: Any = context["ti"]
    return f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index}"


def _airflow_error_from_rows(error: BaseException) -> AirflowException | None:
    """Return the skip or fail exception of Airflow that ended the run when the rows' own code raised it."""
    cause = error.__cause__ if isinstance(error, BulkJobFailed) else None
    return cause if isinstance(cause, AirflowSkipException | AirflowFailException) else None
