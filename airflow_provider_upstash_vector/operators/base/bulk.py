"""What the bulk operators share: the options of every operation, the run with its checkpoint, and its manifest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    Context,
    XComArg,
)

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed, CheckpointInUse
from airflow_provider_upstash_vector.bulk.options import BulkOptions, OnBudget
from airflow_provider_upstash_vector.bulk.sources import Format
from airflow_provider_upstash_vector.hooks.task_state import TaskStateCheckpoint
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import (
    optional_text,
    rendered_path,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator, task_instance
from airflow_provider_upstash_vector.operators.base.display import MAX_SHOWN_ITEMS, unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.options import rendered_options
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

if TYPE_CHECKING:
    from jinja2 import Environment

    from airflow_provider_upstash_vector.bulk import BulkReport, CheckpointStore

_ROWS = "a path, a URI or a list of rows"


class BulkRunOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Base of the operators that write many vectors in one task, and return a small manifest.

    ``options_type`` has the options of the operation; a subclass adds those of its own to ``__init__`` as
    attributes. The manifest is also pushed to XCom when the task fails. Non-retryable errors fail the task
    immediately; after others, a retry resumes where the previous attempt stopped.
    """

    options_type: ClassVar[type[BulkOptions]]
    template_fields: Sequence[str] = (
        "failures_path",
        "checkpoint",
        "resume",
        "max_concurrency",
        "max_rows_per_second",
        "max_failures",
        "daily_budget",
        "time_limit_seconds",
        "_dry_run",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        max_concurrency: int | str | XComArg = BulkOptions.max_concurrency,
        max_rows_per_second: float | str | XComArg | None = BulkOptions.max_rows_per_second,
        max_failures: int | str | XComArg = BulkOptions.max_failures,
        failures_path: str | PathLike[str] | XComArg | None = None,
        checkpoint: str | PathLike[str] | XComArg | None = "auto",
        daily_budget: int | str | XComArg | None = BulkOptions.daily_budget,
        on_budget: OnBudget = BulkOptions.on_budget,
        time_limit_seconds: float | str | XComArg | None = BulkOptions.time_limit_seconds,
        check_index: bool = BulkOptions.check_index,
        resume: bool | str | XComArg = BulkOptions.resume,
        dry_run: bool | str | XComArg = BulkOptions.dry_run,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_concurrency = max_concurrency
        self.max_rows_per_second = max_rows_per_second
        self.max_failures = max_failures
        self.failures_path = failures_path
        self.checkpoint = checkpoint
        self.daily_budget = daily_budget
        self.on_budget = on_budget
        self.time_limit_seconds = time_limit_seconds
        self.check_index = check_index
        self.resume = resume
        self._dry_run = dry_run  # every Airflow operator has a method `dry_run`

    @property
    def run_name(self) -> str:
        """The name of the hook's method, after ``bulk_``."""
        return self.options_type.run_name()

    @property
    @abstractmethod
    def written_namespace(self) -> Any:
        """The argument with the namespace that is written."""

    @abstractmethod
    def start(self, method: Callable[..., BulkReport], arguments: dict[str, Any]) -> BulkReport:
        """Call the hook's method with ``arguments`` and those of the operator; return the report."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the vectors; return the manifest."""
        self.unwrap_fields()
        with airflow_errors(f"bulk_{self.run_name}", namespace=self.written_namespace), self.hook as hook:
            self.persist_link(context)
            path = rendered_path(self.checkpoint, "checkpoint")
            checkpoint = self._checkpoint_store(context, path)
            options = rendered_options(self)
            try:
                arguments = {
                    "checkpoint": checkpoint,
                    "budget_store": self._budget_store(context, path, options["daily_budget"]),
                    "keep_checkpoint": self.wait_until_indexed,
                    "cancel_token": self.cancel_token,
                    "progress": "log",
                    "log": self.log,
                }
                method = getattr(hook, f"bulk_{self.run_name}")
                report = self.start(method, {**arguments, **self.paths(), **options})
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, BulkJobFailed) else error.__cause__
                if isinstance(failure, BulkJobFailed):
                    self.push_manifest(context, failure.report)
                    self.emit_report(context, failure.report)
                raised_by_rows = airflow_error_from_rows(error)
                if raised_by_rows is not None:
                    raise raised_by_rows from raised_by_rows.__cause__
                raise
            self.emit_report(context, report)
            self.log.info("%s", report)
            # the checkpoint of an unfinished run is kept anyway, for the next run
            kept = path if self.wait_until_indexed and checkpoint is not None and report.finished else None
            if report.done:
                namespaces = [*report.rows_by_namespace] if report.namespace_counts_exact else None
                self.when_indexed(namespaces, report.to_dict(), checkpoint=kept)
            self._forget(context, kept)
        self.after_run(context, report)
        manifest: dict[str, Any] = report.to_dict()
        return manifest

    def paths(self) -> dict[str, str | None]:
        """Return the files that the run writes, by argument."""
        return {"failures_path": rendered_path(self.failures_path, "failures_path")}

    def after_run(self, context: Context, report: BulkReport) -> None:
        """Act on the report of a run that has succeeded."""

    def push_manifest(self, context: Context, report: BulkReport) -> None:
        """Push the manifest of a task that is about to fail or to be skipped."""
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=report.to_dict())

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the deferral: forget the kept checkpoint; return the manifest."""
        manifest: dict[str, Any] = super().execute_complete(context, event)
        self._forget(context, event["resume_data"]["checkpoint"])
        return manifest

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
            return UpstashVectorHook.open_checkpoint(path, owner=task_instance(context))
        store = self._task_state(context)
        if store is None:
            self.log.info("No checkpoint: this version of Airflow has no task state. Set checkpoint to a path.")
        return store

    def _budget_store(
        self, context: Context, path: str | None, daily_budget: int | None
    ) -> TaskStateCheckpoint | None:
        """Return what keeps the rows of the day if no checkpoint at a path does."""
        store = self._task_state(context)
        if daily_budget is None or path not in {"auto", None} or store is None:
            return None
        self.log.info(
            "daily_budget covers the tries of this task instance only; set checkpoint to a path to cover all runs "
            "that share it."
        )
        return store

    def _task_state(self, context: Context) -> TaskStateCheckpoint | None:
        state = context.get("task_state_store")
        return None if state is None else TaskStateCheckpoint(state, self.run_name, task_instance(context))


class BulkOperator(BulkRunOperator):
    """Base of the operators that run an operation on rows.

    ``options_type`` has the options of the operation; a subclass adds those of its own to ``__init__`` as
    attributes.
    """

    template_fields: Sequence[str] = ("rows", "namespace", "shard", *BulkRunOperator.template_fields)

    def __init__(
        self,
        *,
        rows: Any,
        namespace: str | XComArg | None = None,
        shard: Sequence[int] | XComArg | None = BulkOptions.shard,
        format: Format | None = BulkOptions.format,
        delimiter: str | None = BulkOptions.delimiter,
        rows_field: str | None = BulkOptions.rows_field,
        id_template: str | None = BulkOptions.id_template,
        id_field: str = BulkOptions.id_field,
        namespace_field: str = BulkOptions.namespace_field,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rows = rows
        self.namespace = namespace
        self.shard = shard
        self.format = format
        self.delimiter = delimiter
        self.rows_field = rows_field
        self.id_template = id_template
        self.id_field = id_field
        self.namespace_field = namespace_field

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render ``content``, but no long list of rows, be it in a mapping."""
        content = unwrap(content)
        is_long = isinstance(content, list | tuple) and len(content) > MAX_SHOWN_ITEMS
        if is_long and self._containers_around <= (1 if self.rows_field else 0):
            return content
        return super().render_template(content, context, jinja_env, seen_oids)

    @property
    def written_namespace(self) -> Any:
        """The argument with the namespace that is written."""
        return self.namespace

    def start(self, method: Callable[..., BulkReport], arguments: dict[str, Any]) -> BulkReport:
        """Run the operation on the rows; return the report."""
        return method(self._rows(), namespace=optional_text(self.namespace, "namespace"), **arguments)

    def _rows(self) -> Any:
        begins = ("[", "{") if self.rows_field else "["
        if isinstance(self.rows, str) and self.rows.lstrip().startswith(begins):
            return rendered_value(self.rows, "rows", _ROWS)
        return rendered_path(self.rows, "rows") if isinstance(self.rows, str) else self.rows


def airflow_error_from_rows(error: BaseException | None) -> AirflowException | None:
    """Return the skip or fail exception of Airflow that ended the run when the rows' own code raised it."""
    cause = error.__cause__ if isinstance(error, BulkJobFailed) else None
    return cause if isinstance(cause, AirflowSkipException | AirflowFailException) else None
