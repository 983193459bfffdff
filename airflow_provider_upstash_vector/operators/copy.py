"""The operator that copies vectors from index to index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector.bulk.operations.copy import CopyOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import IfNotEmpty
from airflow_provider_upstash_vector.bulk.reading.source import Transform
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.client.validation import identifier
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import ReadResult
from airflow_provider_upstash_vector.operators.base.arguments import is_literal, optional_text
from airflow_provider_upstash_vector.operators.base.bulk import BulkRunOperator
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.options import check_literal_options, check_retries_resume

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk import BulkReport


class CopyVectorsOperator(BulkRunOperator):
    """Copy the vectors of a namespace to another index, or another namespace of it; return a small manifest.

    Vectors, data and metadata are upserted as they are stored; those that are in the target only stay. What is
    written to the source meanwhile may or may not be copied. The manifest is also pushed to XCom when the task
    fails. Non-retryable errors fail the task immediately; after others, a retry reads from the last page on that
    was not copied completely.

    :param source_conn_id: the Airflow connection of the index to read, for which the read-only token is enough.
    :param namespace: the namespace to read; ``None`` for the connection's, ``""`` for the index's default one.
    :param target_conn_id: the Airflow connection of the index to write.
    :param target_namespace: the namespace to write; ``None`` and ``""`` as above.
    :param failures_path: a JSON Lines file for rejected and failed rows, which can be upserted later.
    :param checkpoint: where a retry resumes: ``"auto"``, in the task's state (Airflow 3.3 and later); a path or
        URI, which other DAG runs resume from too; or ``None``.
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.operations.copy.CopyArguments`.
    :param wait_until_indexed: after the copy, wait until nothing is pending in the target namespace, so that
        queries find the vectors; a retry then only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = CopyOptions
    template_fields: Sequence[str] = (
        "source_conn_id",
        "namespace",
        "target_conn_id",
        "target_namespace",
        "prefix",
        "filter",
        "page_size",
        "max_rows_per_request",
        "request_timeout_seconds",
        *(name for name in BulkRunOperator.template_fields if name != "upstash_vector_conn_id"),
    )
    shallow_copy_attrs: Sequence[str] = ("transform",)  # it may hold a model, which cannot be copied

    def __init__(
        self,
        *,
        source_conn_id: str | XComArg = UpstashVectorHook.default_conn_name,
        namespace: str | XComArg | None = None,
        target_conn_id: str | XComArg = UpstashVectorHook.default_conn_name,
        target_namespace: str | XComArg | None = None,
        prefix: str | XComArg | None = CopyOptions.prefix,
        filter: Filter | None = CopyOptions.filter,
        transform: Transform | str | None = CopyOptions.transform,
        if_not_empty: IfNotEmpty = CopyOptions.if_not_empty,
        page_size: int | str | XComArg = CopyOptions.page_size,
        max_rows_per_request: int | str | XComArg = CopyOptions.max_rows_per_request,
        request_timeout_seconds: float | str | XComArg = CopyOptions.request_timeout_seconds,
        **kwargs: Any,
    ) -> None:
        super().__init__(upstash_vector_conn_id=target_conn_id, **kwargs)
        self.source_conn_id = source_conn_id
        self.namespace = namespace
        self.target_conn_id = target_conn_id
        self.target_namespace = target_namespace
        self.prefix = prefix
        self.filter = filter
        self.transform = transform
        self.if_not_empty = if_not_empty
        self.page_size = page_size
        self.max_rows_per_request = max_rows_per_request
        self.request_timeout_seconds = request_timeout_seconds
        check_literal_options(self)
        if isinstance(unwrap(filter), str):
            CopyOptions(filter=filter)  # raises: a text cannot be evaluated here
        if if_not_empty == "fail":
            check_retries_resume(self.checkpoint)
        places = (source_conn_id, namespace), (target_conn_id, target_namespace)
        if places[0] == places[1] and all(map(is_literal, places[0])):
            raise ValueError(
                "source and target are the same namespace: set target_conn_id or target_namespace to another one"
            )

    @property
    def upstash_vector_conn_id(self) -> Any:
        """The connection of the operator's hook, its link and its wait: that of the target."""
        return self.target_conn_id

    @upstash_vector_conn_id.setter
    def upstash_vector_conn_id(self, value: Any) -> None:
        self.target_conn_id = value

    @property
    def written_namespace(self) -> Any:
        """The argument with the namespace that is written."""
        return self.target_namespace

    def start(self, method: Callable[..., BulkReport], arguments: dict[str, Any]) -> BulkReport:
        """Copy the vectors; return the report."""
        return method(
            self._source_hook(),
            namespace=optional_text(self.namespace, "namespace"),
            target_namespace=optional_text(self.target_namespace, "target_namespace"),
            **arguments,
        )

    def emit_report(self, context: Context, report: BulkReport) -> None:
        """Report what was written and read, whether the run succeeded or not."""
        super().emit_report(context, report)
        self._emit_source()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Resume after the deferral; return the manifest."""
        self.unwrap_fields()
        self._emit_source()
        return super().execute_complete(context, event)

    def _source_hook(self) -> UpstashVectorHook:
        return UpstashVectorHook(identifier(self.source_conn_id, "source_conn_id"))

    def _emit_source(self) -> None:
        source = self._source_hook()
        namespace = source.resolve_namespace(optional_text(self.namespace, "namespace"))
        self.emit_read(ReadResult(host=source.settings.endpoint.url, namespaces=[namespace]))
