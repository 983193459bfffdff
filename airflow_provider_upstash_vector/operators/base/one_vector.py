"""What the operators that write one vector share: its fields, the request, and what is reported about it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import NumbersLike, SparseLike
from airflow_provider_upstash_vector.client.validation import vector_id as checked_id
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import WriteResult
from airflow_provider_upstash_vector.operators.base.arguments import optional_text, place_of, rendered_value
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin
from airflow_provider_upstash_vector.operators.base.waiting import WaitUntilIndexedMixin

_NUMBERS = "a list of numbers, e.g. [0.1, 0.2]"
_SPARSE = 'an object {"indices": [...], "values": [...]}'
_OBJECT = 'a JSON object, e.g. {"genre": "drama"}'


class OneVectorOperator(WaitUntilIndexedMixin, LineageMixin, UpstashVectorOperator):
    """Base of the operators that write one vector with ``operation``, and return how many were written."""

    operation: ClassVar[type[Operation]]
    template_fields: Sequence[str] = (
        "vector_id",
        "vector",
        "sparse_vector",
        "data",
        "metadata",
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
        namespace: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vector_id = vector_id
        self.vector = vector
        self.sparse_vector = sparse_vector
        self.data = data
        self.metadata = metadata
        self.namespace = namespace

    @abstractmethod
    def send(self, hook: UpstashVectorHook, id: str, parts: dict[str, Any], namespace: str) -> int:
        """Send the request; return how many vectors were written."""

    def described(self, part: str) -> str:
        """Return a part that was sent, as the log names it."""
        return part

    def handle_missing(self, message: str) -> None:
        """Act on an id that does not exist, if that matters to the operation."""

    def execute(self, context: Context) -> int:
        """Send the vector, with the retries that the connection allows; return how many were written."""
        self.unwrap_fields()
        name, done = self.operation.name, self.operation.done
        with airflow_errors(name, id=self.vector_id):
            hook = self.hook
            namespace = hook.resolve_namespace(optional_text(self.namespace, "namespace"))
        self.persist_link(context)
        with hook:
            with airflow_errors(name, namespace=namespace, id=self.vector_id):
                written, parts = self._write(hook, namespace)
                rows = {namespace: written}
                self.emit_lineage(context, WriteResult(host=hook.settings.endpoint.url, outcome=done, rows=rows))
            place = place_of(namespace)
            if written:
                present = ", ".join(self.described(part) for part, value in parts.items() if value is not None)
                self.log.info("%s vector %r in %s: %s.", done.title(), str(self.vector_id), place, present)
                return int(self.when_indexed(namespace, written))
        self.handle_missing(f"There is no vector {str(self.vector_id)!r} in {place}; nothing was {done}.")
        return written

    def _write(self, hook: UpstashVectorHook, namespace: str) -> tuple[int, dict[str, Any]]:
        """Return how many vectors were written, and the parts of the vector."""
        outcome = "failed"
        try:
            parts = {
                "vector": rendered_value(self.vector, "vector", _NUMBERS),
                "sparse_vector": rendered_value(self.sparse_vector, "sparse_vector", _SPARSE),
                "data": optional_text(self.data, "data"),
                "metadata": rendered_value(self.metadata, "metadata", _OBJECT),
            }
            written = self.send(hook, checked_id(self.vector_id, "vector_id"), parts, namespace)
            outcome = self.operation.done if written else "missing"
        except InvalidRequest:
            outcome = "rejected"
            raise
        finally:
            metrics.emit_metrics(f"{self.operation.name}s", {outcome: 1}, hook.request_stats)
        return written, parts
