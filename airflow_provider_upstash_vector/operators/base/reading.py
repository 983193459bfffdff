"""What the operators that only read share: the namespace, what is returned of each vector, and the reports."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, XComArg

from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.airflow_errors import airflow_errors
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.models import FetchedVector
from airflow_provider_upstash_vector.client.validation import flag
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.lineage import ReadResult
from airflow_provider_upstash_vector.operators.base.arguments import optional_text
from airflow_provider_upstash_vector.operators.base.lineage import LineageMixin


class ReadOperator(LineageMixin):
    """Base of the operators that only read, for which the index's read-only token is enough.

    ``call`` is the name of the call, ``operations`` its plural in metrics. The vectors are returned as plain JSON
    values, without fields that were not requested.
    """

    call: ClassVar[str]
    operations: ClassVar[str]
    template_ext: Sequence[str] = ()
    ui_color = "#dbeafe"

    def __init__(
        self,
        *,
        namespace: str | XComArg | None = None,
        include_vectors: bool = False,
        include_metadata: bool = False,
        include_data: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.namespace = namespace
        self.include_vectors = flag(include_vectors, "include_vectors")
        self.include_metadata = flag(include_metadata, "include_metadata")
        self.include_data = flag(include_data, "include_data")

    @abstractmethod
    def read(self, hook: UpstashVectorHook, namespace: str) -> Sequence[FetchedVector | None]:
        """Send the call with the rendered arguments; return the vectors."""

    @abstractmethod
    def outcomes(self, vectors: Sequence[FetchedVector | None]) -> Mapping[str, int]:
        """Return the counts for the metrics."""

    @abstractmethod
    def after_read(self, vectors: Sequence[FetchedVector | None], namespace: str) -> None:
        """Log the result; fail or skip the task if that is wanted."""

    def execute(self, context: Context) -> list[dict[str, Any] | None]:
        """Read, with the retries that the connection allows; return the vectors as plain JSON values."""
        self.unwrap_fields()
        with airflow_errors(self.call):
            hook = self.hook
            namespace = hook.resolve_namespace(optional_text(self.namespace, "namespace"))
        self.persist_link(context)
        with hook:
            with airflow_errors(self.call, namespace=namespace):
                vectors = self._measured(hook, namespace)
            self.emit_read(ReadResult(host=hook.settings.endpoint.url, namespaces=[namespace]))
        self.after_read(vectors, namespace)
        return [None if vector is None else vector.model_dump() for vector in vectors]

    @property
    def include(self) -> dict[str, Any]:
        """What is returned of each vector, as arguments of a call."""
        names = ("include_vectors", "include_metadata", "include_data")
        return {name: getattr(self, name) for name in names}

    def _measured(self, hook: UpstashVectorHook, namespace: str) -> Sequence[FetchedVector | None]:
        outcomes: Mapping[str, int] = {"failed": 1}
        try:
            vectors = self.read(hook, namespace)
            outcomes = self.outcomes(vectors)
        except InvalidRequest:
            outcomes = {"rejected": 1}
            raise
        finally:
            metrics.emit_metrics(self.operations, outcomes, hook.request_stats)
        return vectors
