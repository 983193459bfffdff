"""The operator that updates all vectors that match a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.matches import checked_where
from airflow_provider_upstash_vector.bulk.options import BulkOptions, OnBudget
from airflow_provider_upstash_vector.bulk.updating_where import UpdateWhereOptions
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.hooks.task_state import TaskStateCheckpoint
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import (
    UNSET,
    Unset,
    given,
    literal_mode,
    optional_text,
    rendered_path,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator, task_instance
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.narrowing import refuse_unset, rendered_limit, set_arguments
from airflow_provider_upstash_vector.operators.base.options import check_literal_options, rendered_options
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk import UpdateWhereReport

_OBJECT = 'a JSON object, e.g. {"archived": true}'


class UpdateVectorsWhereOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Change the metadata of all vectors that match a filter; return a small manifest.

    The namespace is read in pages without vectors, and the filter is evaluated in the task, because a query with a
    filter may leave matches out. Only vectors that would change are updated, so that running it twice is harmless;
    a retry sends what is left. The manifest is also pushed to XCom when the task fails.

    Neither ``prefix`` nor ``namespace`` may render to ``None`` or an empty text, ``max_matches`` not to no limit,
    and templates in ``where`` and ``prefix`` not to an empty value: other vectors would match.

    :param where: which vectors, a ``Field`` expression, e.g. ``Field("year") < 1990``; values may be templates.
    :param metadata: the metadata that each of them gets; ``None`` in it deletes a field under ``PATCH``.
    :param metadata_update_mode: ``"PATCH"`` (RFC 7396) changes only the fields in ``metadata``; ``"OVERWRITE"``
        removes all metadata that is not in it.
    :param prefix: only vectors whose id starts with it.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param max_matches: the number of vectors that may match; if more do, nothing is written and the task fails.
        ``None``: no limit.
    :param dry_run: write nothing; ``not_attempted`` is the number that would be updated.
    :param failures_path: a JSON Lines file for failed updates.
    :param max_concurrency: the maximum of requests in flight, 1 to 4,096.
    :param max_rows_per_second: of the updates; unlimited by default.
    :param max_failures: failed updates to tolerate: a count, or a share as text (``1%``).
    :param daily_budget: updates per day (UTC) of all tries of this task instance.
    :param on_budget: ``"fail"`` or ``"return"`` when the daily budget or the service's quota is exhausted.
    :param time_limit_seconds: seconds after which the run stops and fails.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the updates, wait until nothing is pending in the namespace, so that queries
        find the changes.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = UpdateWhereOptions
    template_fields: Sequence[str] = (
        "where",
        "metadata",
        "metadata_update_mode",
        "prefix",
        "namespace",
        "max_matches",
        "_dry_run",
        "failures_path",
        "max_concurrency",
        "max_rows_per_second",
        "max_failures",
        "daily_budget",
        "time_limit_seconds",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    narrowing_fields = ("where", "prefix")
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata": "json"}
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        where: Filter,
        metadata: Mapping[str, Any] | str | XComArg,
        metadata_update_mode: str | XComArg = "PATCH",
        prefix: str | XComArg | Unset | None = UNSET,
        namespace: str | XComArg | None = None,
        max_matches: int | str | XComArg | None = UpdateWhereOptions.max_matches,
        dry_run: bool | str | XComArg = BulkOptions.dry_run,
        failures_path: str | PathLike[str] | XComArg | None = None,
        max_concurrency: int | str | XComArg = BulkOptions.max_concurrency,
        max_rows_per_second: float | str | XComArg | None = BulkOptions.max_rows_per_second,
        max_failures: int | str | XComArg = BulkOptions.max_failures,
        daily_budget: int | str | XComArg | None = BulkOptions.daily_budget,
        on_budget: OnBudget = BulkOptions.on_budget,
        time_limit_seconds: float | str | XComArg | None = BulkOptions.time_limit_seconds,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        literal_mode(metadata_update_mode)
        checked_where(unwrap(where))
        self.where = where
        self.metadata = metadata
        self.metadata_update_mode = metadata_update_mode
        is_mapped = getattr(self, "_BaseOperator__from_mapped", False)  # which Airflow sets before
        self.prefix = given(prefix, "prefix") if is_mapped or prefix is not None else None
        self.namespace = namespace
        self.max_matches = max_matches
        self._has_limit = unwrap(max_matches) is not None
        self._narrowing = set_arguments(prefix=self.prefix, namespace=namespace)
        self._removes_all = unwrap(metadata) == {}
        self._dry_run = dry_run  # every Airflow operator has a method `dry_run`
        self.failures_path = failures_path
        self.max_concurrency = max_concurrency
        self.max_rows_per_second = max_rows_per_second
        self.max_failures = max_failures
        self.daily_budget = daily_budget
        self.on_budget = on_budget
        self.time_limit_seconds = time_limit_seconds
        check_literal_options(cast("Any", self))

    def execute(self, context: Context) -> dict[str, Any]:
        """Update what matches; return the manifest."""
        self.unwrap_fields()
        with airflow_errors("update_where", namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            try:
                report = self._run(hook, context)
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, BulkJobFailed) else error.__cause__
                if isinstance(failure, BulkJobFailed):
                    if self.do_xcom_push:
                        context["ti"].xcom_push(key="return_value", value=failure.report.to_dict())
                    self.emit_report(context, failure.report)
                raise
            self.emit_report(context, report)
            self.log.info("%s", report)
            manifest: dict[str, Any] = report.to_dict()
            return self.when_indexed([*report.rows_by_namespace], manifest) if report.done else manifest

    def _run(self, hook: UpstashVectorHook, context: Context) -> UpdateWhereReport:
        refuse_unset(self, self._narrowing)
        options = rendered_options(cast("Any", self))
        if self._has_limit:
            rendered_limit(self.max_matches, "max_matches")
        return hook.bulk_update_where(
            where=checked_where(self.where),
            metadata=self._metadata(),
            metadata_update_mode=optional_text(self.metadata_update_mode, "metadata_update_mode"),
            prefix=optional_text(self.prefix, "prefix"),
            namespace=optional_text(self.namespace, "namespace"),
            failures_path=rendered_path(self.failures_path, "failures_path"),
            budget_store=self._budget_store(context, options["daily_budget"]),
            cancel_token=self.cancel_token,
            progress="log",
            log=self.log,
            **options,
        )

    def _metadata(self) -> Any:
        metadata = rendered_value(self.metadata, "metadata", _OBJECT)
        if metadata == {} and not self._removes_all:
            raise InvalidRequest("metadata", "its template rendered to an empty object, which would remove all")
        return metadata

    def _budget_store(self, context: Context, daily_budget: int | None) -> TaskStateCheckpoint | None:
        state = context.get("task_state_store")
        if daily_budget is None or state is None:
            return None
        self.log.info("daily_budget covers the tries of this task instance only.")
        return TaskStateCheckpoint(state, "update_where", task_instance(context))
