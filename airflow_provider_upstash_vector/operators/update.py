"""The operator that updates one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors, log_error
from airflow_provider_upstash_vector.bulk.operations.update import OnMissing, Update
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import NumbersLike, SparseLike
from airflow_provider_upstash_vector.client.validation import vector_id as checked_id
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import (
    literal_mode,
    optional_text,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

_NUMBERS = "a list of numbers, e.g. [0.1, 0.2]"
_SPARSE = 'an object {"indices": [...], "values": [...]}'
_OBJECT = 'a JSON object, e.g. {"genre": "drama"}'


class UpdateVectorOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Change the vector, the raw text or the metadata of one stored vector; return the updated count, 1 or 0.

    At least one of ``vector``, ``sparse_vector``, ``data`` and ``metadata`` is required. Non-retryable errors fail
    the task immediately; others use the task's ``retries``.

    :param vector_id: the id of the vector.
    :param vector: a number for each dimension of the index: a list, a numpy array, an XComArg, or a template that
        renders to a JSON or Python list.
    :param sparse_vector: ``{"indices": [...], "values": [...]}``, up to 1,000 of each.
    :param data: the raw text, up to 1 MB; an index with an embedding model embeds it again.
    :param metadata: a JSON object of up to 48 KB; ``None`` in it deletes a field under ``PATCH``.
    :param metadata_update_mode: ``"OVERWRITE"``, the service's default, removes all metadata that is not in
        ``metadata``, also what other tools keep there; ``"PATCH"`` (RFC 7396) changes only the fields in it.
        Without ``metadata`` it has no effect.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param on_missing: what to do if there is no such id: ``"ignore"`` it and return 0, ``"fail"`` or
        ``"skip"``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    :param wait_until_indexed: after the update, wait until nothing is pending in the namespace, so that queries
        find the change.
    :param deferrable: wait in the triggerer, without a worker; ``[operators] default_deferrable`` by default.
    :param poke_interval: seconds between two checks of that wait; in deferrable mode the first check happens no
        sooner than 10 s.
    :param wait_timeout: seconds after which that wait fails the task.
    """

    template_fields: Sequence[str] = (
        "vector_id",
        "vector",
        "sparse_vector",
        "data",
        "metadata",
        "metadata_update_mode",
        "namespace",
        "upstash_vector_conn_id",
    )
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "vector": "json",
        "sparse_vector": "json",
        "metadata": "json",
    }
    ui_color = "#d9fbe9"

    def __init__(
        self,
        *,
        vector_id: str | XComArg,
        vector: NumbersLike | str | XComArg | None = None,
        sparse_vector: SparseLike | str | XComArg | None = None,
        data: str | XComArg | None = None,
        metadata: Mapping[str, Any] | str | XComArg | None = None,
        metadata_update_mode: str | XComArg | None = None,
        namespace: str | XComArg | None = None,
        on_missing: OnMissing = "ignore",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_missing not in get_args(OnMissing):
            raise ValueError(f"on_missing must be ignore, fail or skip, got {on_missing!r}")
        literal_mode(metadata_update_mode)  # a wrong one fails when the DAG is parsed
        self.vector_id = vector_id
        self.vector = vector
        self.sparse_vector = sparse_vector
        self.data = data
        self.metadata = metadata
        self.metadata_update_mode = metadata_update_mode
        self.namespace = namespace
        self.on_missing = on_missing

    def execute(self, context: Context) -> int:
        """Send the update, with the retries that the connection allows; return the updated count."""
        self.unwrap_fields()
        with airflow_errors("update", id=self.vector_id):
            hook = self.hook
            namespace = hook.resolve_namespace(optional_text(self.namespace, "namespace"))
        self.persist_link(context)
        with hook:
            with airflow_errors("update", namespace=namespace, id=self.vector_id):
                updated, changes = self._update(hook, namespace)
                written = WriteResult(
                    host=hook.settings.endpoint.url, outcome=Update.done, rows={namespace: updated}
                )
                self.emit_lineage(context, written)
            place = f"namespace {namespace!r}" if namespace else "the default namespace"
            if updated:
                self.log.info("Updated vector %r in %s: %s.", str(self.vector_id), place, changes)
                return int(self.when_indexed(namespace, updated))
        self._handle_missing(f"There is no vector {str(self.vector_id)!r} in {place}; nothing was updated.")
        return updated

    def _update(self, hook: UpstashVectorHook, namespace: str) -> tuple[int, str]:
        """Return the updated count, and which parts were to be changed in which mode."""
        outcome = "failed"
        try:
            parts = {
                "vector": rendered_value(self.vector, "vector", _NUMBERS),
                "sparse_vector": rendered_value(self.sparse_vector, "sparse_vector", _SPARSE),
                "data": optional_text(self.data, "data"),
                "metadata": rendered_value(self.metadata, "metadata", _OBJECT),
            }
            mode = optional_text(self.metadata_update_mode, "metadata_update_mode")
            updated = hook.update(
                checked_id(self.vector_id, "vector_id"),
                **parts,
                metadata_update_mode=mode,
                namespace=namespace,
            )
            outcome = "updated" if updated else "missing"
        except InvalidRequest:
            outcome = "rejected"
            raise
        finally:
            metrics.emit_metrics("updates", {outcome: 1}, hook.request_stats)
        present = [name for name, value in parts.items() if value is not None]
        return updated, ", ".join(present).replace("metadata", f"metadata ({(mode or 'OVERWRITE').upper()})")

    def _handle_missing(self, message: str) -> None:
        if self.on_missing == "fail":
            log_error(message)
            raise AirflowFailException(message)
        if self.on_missing == "skip":
            raise AirflowSkipException(message)
        self.log.warning(message)
