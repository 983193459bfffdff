"""The operators that write many vectors in one task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException, Context, XComArg

from airflow_provider_upstash_vector.bulk.embedding.function import EmbedFunction
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing, UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import IfNotEmpty, UpsertOptions
from airflow_provider_upstash_vector.bulk.options import VectorRowOptions
from airflow_provider_upstash_vector.bulk.sources.manifest import is_manifest
from airflow_provider_upstash_vector.operators.base.arguments import rendered_path
from airflow_provider_upstash_vector.operators.base.bulk import BulkOperator
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.narrowing import refuse_unset, set_arguments
from airflow_provider_upstash_vector.operators.base.options import check_literal_options, check_retries_resume

if TYPE_CHECKING:
    from airflow_provider_upstash_vector.bulk import BulkReport


class VectorRowsOperator(BulkOperator):
    """Base of the operators whose rows have vectors, data or metadata."""

    def __init__(
        self,
        *,
        metadata_fields: Sequence[str] | None = VectorRowOptions.metadata_fields,
        vector_field: str = VectorRowOptions.vector_field,
        sparse_vector_field: str = VectorRowOptions.sparse_vector_field,
        data_field: str = VectorRowOptions.data_field,
        metadata_field: str = VectorRowOptions.metadata_field,
        embed: EmbedFunction | str | None = VectorRowOptions.embed,
        embed_batch_size: int = VectorRowOptions.embed_batch_size,
        embed_concurrency: int = VectorRowOptions.embed_concurrency,
        embed_attempts: int = VectorRowOptions.embed_attempts,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metadata_fields = metadata_fields
        self.vector_field = vector_field
        self.sparse_vector_field = sparse_vector_field
        self.data_field = data_field
        self.metadata_field = metadata_field
        self.embed = unwrap(embed)  # of a mapped task
        self.embed_batch_size = embed_batch_size
        self.embed_concurrency = embed_concurrency
        self.embed_attempts = embed_attempts


class BulkUpdateVectorsOperator(VectorRowsOperator):
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
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.operations.update.UpdateArguments`.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the updates, wait until nothing is pending in the updated namespaces, so that
        queries find the changes; a retry then only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = UpdateOptions
    template_fields: Sequence[str] = (*BulkOperator.template_fields, "metadata_update_mode", "missing_path")

    def __init__(
        self,
        *,
        metadata_update_mode: str | XComArg | None = UpdateOptions.metadata_update_mode,
        on_missing: OnMissing = UpdateOptions.on_missing,
        missing_path: str | PathLike[str] | XComArg | None = None,
        metadata_update_mode_field: str = UpdateOptions.metadata_update_mode_field,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.metadata_update_mode = metadata_update_mode
        self.on_missing = on_missing
        self.missing_path = missing_path
        self.metadata_update_mode_field = metadata_update_mode_field
        check_literal_options(self)

    def paths(self) -> dict[str, str | None]:
        """Return the files that the run writes, by argument."""
        return {**super().paths(), "missing_path": rendered_path(self.missing_path, "missing_path")}

    def after_run(self, context: Context, report: BulkReport) -> None:
        """Skip the task if ``on_missing`` says so and nothing was updated."""
        if self.on_missing == "skip" and report.missing and not report.done:
            self.push_manifest(context, report)
            raise AirflowSkipException(f"Nothing was updated, and ids are not in the index: {report}")


class BulkUpsertVectorsOperator(VectorRowsOperator):
    """Write many whole vectors, up to 1,000 in a request, from a list, a file or a table; return a small manifest.

    An upsert replaces the whole vector: data and metadata that a row does not have are gone. Retries, checkpoints
    and the manifest are those of :class:`BulkUpdateVectorsOperator`.

    :param rows: in any form that :class:`BulkUpdateVectorsOperator` takes. A row has ``id``, ``vector`` or
        ``sparse_vector`` or, if the index embeds it, only ``data``; and any of ``data``, ``metadata``,
        ``namespace``.
    :param namespace: for rows that set none; ``None`` for the connection's, ``""`` for the default one.
    :param failures_path: a JSON Lines file for rejected and failed rows, which can be passed as ``rows`` again.
    :param checkpoint: where a retry resumes: ``"auto"``, in the task's state (Airflow 3.3 and later); a path or
        URI, which other DAG runs resume from too; or ``None``.
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.operations.upsert.UpsertArguments`.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the upserts, wait until nothing is pending in the namespaces, so that queries
        find the vectors; a retry then only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = UpsertOptions
    template_fields: Sequence[str] = (
        *BulkOperator.template_fields,
        "max_rows_per_request",
        "request_timeout_seconds",
    )

    def __init__(
        self,
        *,
        max_rows_per_request: int | str | XComArg = UpsertOptions.max_rows_per_request,
        request_timeout_seconds: float | str | XComArg = UpsertOptions.request_timeout_seconds,
        if_not_empty: IfNotEmpty | None = UpsertOptions.if_not_empty,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_rows_per_request = max_rows_per_request
        self.request_timeout_seconds = request_timeout_seconds
        self.if_not_empty = if_not_empty
        check_literal_options(self)
        if if_not_empty == "fail" or (if_not_empty is None and is_manifest(unwrap(self.rows))):
            check_retries_resume(self.checkpoint)


class BulkDeleteVectorsOperator(BulkOperator):
    """Delete the vectors of many rows, up to 1,000 in a request; return a small manifest.

    Ids that are not in the index count as missing, and so do those that were deleted by a request whose response
    was lost. Retries, checkpoints and the manifest are those of :class:`BulkUpdateVectorsOperator`.

    :param rows: in any form that :class:`BulkUpdateVectorsOperator` takes. A row has ``id`` and ``namespace``, its
        other fields are ignored; or it is an id. A list of text is a list of paths: pass ids to
        :class:`DeleteVectorsOperator`.
    :param namespace: for rows that set none; ``None`` for the connection's, ``""`` for the default one; a template
        may render to neither.
    :param failures_path: a JSON Lines file for rejected and failed rows, which can be passed as ``rows`` again.
    :param checkpoint: where a retry resumes: ``"auto"``, in the task's state (Airflow 3.3 and later); a path or
        URI, which other DAG runs resume from too; or ``None``.
    :param options: those of :class:`~airflow_provider_upstash_vector.bulk.operations.delete.DeleteArguments`.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the deletes, wait until nothing is pending in the namespaces; a retry then
        only waits.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    options_type = DeleteOptions

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._set = set_arguments(namespace=self.namespace)
        check_literal_options(self)

    def start(self, method: Callable[..., BulkReport], arguments: dict[str, Any]) -> BulkReport:
        """Delete the vectors of the rows; return the report."""
        refuse_unset(self, self._set)
        return super().start(method, arguments)
