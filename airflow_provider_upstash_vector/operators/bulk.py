"""The operator that updates many vectors in one task."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
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
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.options import BulkArguments, BulkOptions, OnBudget, OnMissing
from airflow_provider_upstash_vector.bulk.sources import Format
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.hooks.task_state import TaskStateCheckpoint
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, rendered_value
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.display import SummarizedRows
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

if TYPE_CHECKING:
    from jinja2 import Environment

    from airflow_provider_upstash_vector.bulk import BulkReport, CheckpointStore

_ROWS = "a path, a URI or a list of rows"
# the options of a run that are not templates
_OPTIONS = BulkArguments.__annotations__.keys() - {"metadata_update_mode", "shard", "dry_run"}


class BulkUpdateVectorsOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Change many stored vectors, one update each, from a list, a file or a table; return a small manifest.

    The manifest goes to XCom also when the task fails. Errors that no retry can mend fail the task at once.

    :param rows: a path or URI of a JSON Lines, CSV or Parquet file (``.gz``, ``.zst``), a glob, or a list of
        these; a list of rows, from another task, a template or as it is; a DataFrame, an Arrow table, any
        iterable. A row has ``id`` and any of ``vector``, ``sparse_vector``, ``data``, ``metadata``,
        ``metadata_update_mode``, ``namespace``.
    :param namespace: for rows that give none; ``None`` for the connection's, ``""`` for the index's default one.
    :param metadata_update_mode: for rows that give none.
    :param concurrency: requests in flight at a time.
    :param max_requests_per_second: retries included; ``None`` for as many as the service takes.
    :param max_failures: rejected and failed rows that are tolerated: a count, or a fraction of all (``0.01``).
    :param on_missing: ``"count"`` rows whose id is unknown, or ``"fail"``: let them count as failures.
    :param failures_path: a JSON Lines file for rows that were rejected or failed, which can be ``rows`` again.
    :param checkpoint: ``"auto"``: in the task's state, from Airflow 3.3 on; a path, which also another DAG run
        goes on from; or ``None``. A retry goes on where the task has stopped.
    :param daily_budget: requests per day of UTC, over all runs with the same checkpoint.
    :param on_budget: when that or the service's daily quota is spent: ``"fail"``, for a retry to go on, or
        ``"return"``: succeed with what is left as ``not_attempted``.
    :param time_limit_seconds: stop and fail after this time; ``execution_timeout`` does so too.
    :param check_index: ask for the index's dimension and type first.
    :param dry_run: read and check every row, and send nothing.
    :param shard: ``(i, n)``: only part i, from 0, of n; see ``example_bulk_update_shards``.
    :param format: ``"jsonl"``, ``"csv"`` or ``"parquet"`` where the ending does not say it.
    :param id_field: what the rows call the id.
    :param vector_field: what they call the vector.
    :param sparse_vector_field: what they call the sparse vector.
    :param data_field: what they call the raw text.
    :param metadata_field: what they call the metadata.
    :param metadata_update_mode_field: what they call the mode.
    :param namespace_field: what they call the namespace.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: then wait until nothing is pending in the namespaces that were written to, so that
        queries find it; a retry only waits.
    :param deferrable: wait in the triggerer, without a worker; by default as ``[operators] default_deferrable``
        says.
    :param poke_interval: seconds between two looks of that wait; deferred, the first look comes after 10 s at
        least.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    template_fields: Sequence[str] = (
        "rows",
        "namespace",
        "metadata_update_mode",
        "failures_path",
        "checkpoint",
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
        metadata_update_mode: str | XComArg | None = None,
        concurrency: int = 64,
        max_requests_per_second: float | None = None,
        max_failures: float = 0,
        on_missing: OnMissing = "count",
        failures_path: str | PathLike[str] | XComArg | None = None,
        checkpoint: str | PathLike[str] | XComArg | None = "auto",
        daily_budget: int | None = None,
        on_budget: OnBudget = "fail",
        time_limit_seconds: float | None = None,
        check_index: bool = True,
        dry_run: bool = False,
        shard: Sequence[int] | XComArg | None = None,
        format: Format | None = None,
        id_field: str = "id",
        vector_field: str = "vector",
        sparse_vector_field: str = "sparse_vector",
        data_field: str = "data",
        metadata_field: str = "metadata",
        metadata_update_mode_field: str = "metadata_update_mode",
        namespace_field: str = "namespace",
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
        self.id_field = id_field
        self.vector_field = vector_field
        self.sparse_vector_field = sparse_vector_field
        self.data_field = data_field
        self.metadata_field = metadata_field
        self.metadata_update_mode_field = metadata_update_mode_field
        self.namespace_field = namespace_field
        BulkOptions.of(self._options())  # wrong ones break the DAG, not the night's run
        self.rows = SummarizedRows.of(rows)
        self.namespace = namespace
        self.metadata_update_mode = metadata_update_mode
        self.failures_path = failures_path
        self.checkpoint = checkpoint
        self.shard = shard
        self._stop: CancelToken | None = None

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render ``content``; many rows from another task are kept from being stored once more."""
        return SummarizedRows.of(super().render_template(content, context, jinja_env, seen_oids))

    def execute(self, context: Context) -> dict[str, Any]:
        """Send the updates; return the manifest."""
        self._stop = CancelToken()
        with airflow_errors("bulk_update", namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            place = _path(self.checkpoint, "checkpoint")
            checkpoint = self._store(context, place)
            try:
                report = hook.bulk_update(
                    self._rows(),
                    namespace=optional_text(self.namespace, "namespace"),
                    metadata_update_mode=optional_text(self.metadata_update_mode, "metadata_update_mode"),
                    failures_path=_path(self.failures_path, "failures_path"),
                    checkpoint=checkpoint,
                    keep_checkpoint=self.wait_until_indexed,
                    shard=self._shard(),
                    cancel_token=self._stop,
                    progress="log",
                    log=self.log,
                    **self._options(),
                )
            except BaseException as error:
                # an execution_timeout interrupts the run, which then ends as its cause
                failed = error if isinstance(error, BulkJobFailed) else error.__cause__
                if isinstance(failed, BulkJobFailed):
                    context["ti"].xcom_push(key="return_value", value=failed.report.to_dict())
                    self._emit(context, hook, failed.report)
                wanted = _airflow_error_from_rows(error)
                if wanted is not None:
                    raise wanted from wanted.__cause__
                raise
            self._emit(context, hook, report)
            self.log.info("%s", report)
            # with a part of the rows left, it is of use to the next run
            kept = place if self.wait_until_indexed and checkpoint is not None and report.finished else None
            if report.updated:
                namespaces = [*report.updated_by_namespace] if report.namespace_counts_exact else None
                self.when_indexed(namespaces, report.to_dict(), checkpoint=kept)
            self._forget(context, kept)
        return report.to_dict()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Come back from the triggerer; return the manifest, and forget the checkpoint that was kept."""
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

    def on_kill(self) -> None:
        """Send no more rows, nor wait; those in flight are settled and the checkpoint is saved within 5 s."""
        super().on_kill()
        if self._stop is not None:
            self._stop.cancel()

    def _options(self) -> dict[str, Any]:
        return {"dry_run": self._dry_run, **{name: getattr(self, name) for name in _OPTIONS}}

    def _rows(self) -> Any:
        text = self.rows
        if isinstance(text, str) and text.lstrip().startswith("["):
            return rendered_value(text, "rows", _ROWS)
        return text

    def _shard(self) -> Any:
        return rendered_value(self.shard, "shard", "two whole numbers (i, n)")

    def _forget(self, context: Context, place: str | None) -> None:
        """Forget a checkpoint that was kept while waiting, without which a retry would send every row again."""
        checkpoint = self._store(context, place)
        if checkpoint is not None:
            UpstashVectorHook.forget_checkpoint(checkpoint)

    def _store(self, context: Context, path: str | None) -> str | CheckpointStore | None:
        if path != "auto":
            return path
        state = context.get("task_state_store")
        if state is None:
            self.log.info("No checkpoint: this Airflow keeps no task state; give checkpoint a path for one.")
            return None
        ti: Any = context["ti"]
        return TaskStateCheckpoint(state, f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index}")


def _airflow_error_from_rows(error: BaseException) -> AirflowException | None:
    """Return what the rows' own code has raised for Airflow to skip or fail the task, where that ended the run."""
    cause = error.__cause__ if isinstance(error, BulkJobFailed) else None
    return cause if isinstance(cause, AirflowSkipException | AirflowFailException) else None


def _path(value: object, field: str) -> str | None:
    return optional_text(fspath(value) if isinstance(value, PathLike) else value, field) or None
