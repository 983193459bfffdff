"""The operator that deletes the vectors that ids, a prefix or a filter select."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.operations.delete import Delete
from airflow_provider_upstash_vector.bulk.selected import check_selection, checked_limit
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.operators.base.arguments import (
    UNSET,
    Unset,
    given,
    is_literal,
    optional_text,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.narrowing import refuse_unset, rendered_limit, set_arguments
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.client.filters import Filter


class DeleteVectorsOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Delete the vectors that ids, a prefix or a filter select; return how many were deleted.

    With ``max_delete=N``, the ids that match are read first, and those are deleted: nothing that is written
    meanwhile. If they are more than N, none is deleted, and the task fails with their number. With
    ``max_delete=None``, which has to be written, the service deletes what matches in one request. After a lost
    response, what it has deleted is not counted. A retry selects again. ``prefix``, ``filter`` and ``namespace``
    must not render to ``None`` or an empty text, nor a template within the first two to an empty value, and
    ``ids``, ``prefix`` and ``filter`` not be ``None``, as in a mapped task: other vectors would match.

    :param ids: ids in a list, from an XComArg, or from a template of a JSON or Python list; none delete nothing.
        Other text is one id. For those in a file use :class:`BulkDeleteVectorsOperator`.
    :param prefix: what the ids begin with; with ``filter`` only if there is a ``max_delete``.
    :param filter: a filter, built with ``Field`` if there is a ``max_delete``, else also its text.
    :param max_delete: the number of vectors that may be deleted, or ``None``.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the delete, wait until nothing is pending in the namespace.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    template_fields: Sequence[str] = (
        "ids",
        "prefix",
        "filter",
        "max_delete",
        "namespace",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    narrowing_fields = ("prefix", "filter")
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        max_delete: int | str | XComArg | None,
        ids: IdLike | Iterable[IdLike] | XComArg | Unset = UNSET,
        prefix: str | XComArg | Unset = UNSET,
        filter: str | Filter | Unset = UNSET,
        namespace: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments: dict[str, Any] = {"ids": ids, "prefix": prefix, "filter": filter}
        selection = {name: given(unwrap(value), name) for name, value in arguments.items()}
        check_selection(**selection, max_delete=unwrap(max_delete))
        if max_delete is not None and is_literal(max_delete):
            checked_limit(max_delete)
        self.ids = selection["ids"]
        self.prefix = selection["prefix"]
        self.filter = selection["filter"]
        self.max_delete = max_delete
        self.namespace = namespace
        self._has_limit = max_delete is not None
        self._narrowing = set_arguments(
            prefix=selection["prefix"], filter=selection["filter"], namespace=namespace
        )

    def execute(self, context: Context) -> int:
        """Delete what is selected; return how many vectors were deleted."""
        self.unwrap_fields()
        with airflow_errors(Delete.name, namespace=self.namespace), self.hook as hook:
            self.persist_link(context)
            refuse_unset(self, self._narrowing)
            namespace = hook.resolve_namespace(optional_text(self.namespace, "namespace"))
            try:
                report = hook.delete_selected(
                    max_delete=self._limit(),
                    ids=self._ids(),
                    prefix=optional_text(self.prefix, "prefix"),
                    filter=self.filter,
                    namespace=namespace,
                )
            except BaseException as error:
                # an execution_timeout has the error of the interrupted run as its cause
                failure = error if isinstance(error, BulkJobFailed) else error.__cause__
                if isinstance(failure, BulkJobFailed):
                    self.emit_report(context, failure.report)
                raise
            self.emit_report(context, report)
            self.log.info("%s", report)
            if report.done:
                return int(self.when_indexed(namespace, report.done))
        return 0

    def _ids(self) -> Any:
        is_list = isinstance(self.ids, str) and self.ids.lstrip().startswith("[")
        return rendered_value(self.ids, "ids", "a list of ids") if is_list else self.ids

    def _limit(self) -> int | None:
        """Return the rendered limit: only a ``None`` that the DAG has is no limit."""
        if not self._has_limit:
            return None
        return checked_limit(rendered_limit(self.max_delete, "max_delete"))
