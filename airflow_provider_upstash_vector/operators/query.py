"""The operator that queries an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import XComArg

from airflow_provider_upstash_vector.airflow_errors import fail_or_skip
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.client.models import FetchedVector, NumbersLike, Query, SparseLike
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.base.arguments import (
    UNSET,
    Unset,
    given,
    is_literal,
    literal_choice,
    optional_text,
    place_of,
    refuse_template,
    rendered_value,
)
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.base.reading import ReadOperator
from airflow_provider_upstash_vector.plurals import plural

_NUMBERS = "a list of numbers, e.g. [0.1, 0.2]"
_SPARSE = 'an object {"indices": [...], "values": [...]}'
_COUNT = "a whole number"


class QueryVectorsOperator(ReadOperator):
    """Find the vectors nearest to a vector or a text; return them, best first, as a list of JSON objects.

    A result has ``id``, ``score`` and what is included. The read-only token is enough. Non-retryable errors fail
    the task immediately; others use the task's ``retries``.

    :param vector: a number for each dimension of the index: a list, a numpy array, an XComArg, or a template that
        renders to a JSON or Python list.
    :param sparse_vector: ``{"indices": [...], "values": [...]}``, up to 1,000 of each.
    :param data: a text, which the index's embedding model embeds; instead of vectors.
    :param top_k: the maximum number of results, 1 to 1,000.
    :param filter: only vectors whose metadata match: a ``Field`` expression, in which texts to compare with may be
        templates, or a text without templates; in a mapped task, ``None`` is refused.
    :param include_vectors: return the numbers of each vector; an XCom then takes some 20 bytes for each number.
    :param include_metadata: return the metadata of each vector.
    :param include_data: return the raw text of each vector.
    :param weighting_strategy: ``"IDF"``, for sparse vectors.
    :param fusion_algorithm: ``"RRF"`` or ``"DBSF"``, on hybrid indexes.
    :param query_mode: ``"HYBRID"``, ``"DENSE"`` or ``"SPARSE"``, for texts on hybrid indexes.
    :param namespace: ``None`` for the connection's, ``""`` for the index's default one.
    :param on_empty: what to do if nothing is found, also since there is no such namespace: ``"ignore"`` it and
        return an empty list, ``"fail"`` or ``"skip"``.
    :param upstash_vector_conn_id: the Airflow connection with the REST URL and token.
    """

    call = "query"
    operations = "queries"
    template_fields: Sequence[str] = (
        "vector",
        "sparse_vector",
        "data",
        "top_k",
        "filter",
        "namespace",
        "upstash_vector_conn_id",
    )
    _wanted = 0  # the rendered top_k
    template_fields_renderers: ClassVar[dict[str, str]] = {"vector": "json", "sparse_vector": "json"}

    def __init__(
        self,
        *,
        vector: NumbersLike | str | XComArg | None = None,
        sparse_vector: SparseLike | str | XComArg | None = None,
        data: str | XComArg | None = None,
        top_k: int | str | XComArg = 10,
        filter: str | Filter | XComArg | Unset | None = UNSET,
        weighting_strategy: str | None = None,
        fusion_algorithm: str | None = None,
        query_mode: str | None = None,
        on_empty: Literal["ignore", "fail", "skip"] = "ignore",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        literal_choice(on_empty, "on_empty", "ignore", "fail", "skip")
        filter = unwrap(filter)
        is_mapped = getattr(self, "_BaseOperator__from_mapped", False)  # which Airflow sets before
        selected = given(filter, "filter") if is_mapped or filter is not None else None
        refuse_template(selected)
        if vector is None and sparse_vector is None and data is None:
            raise InvalidRequest("query", "set either data, or vector, sparse_vector or both")
        self.vector = vector
        self.sparse_vector = sparse_vector
        self.data = data
        self.top_k = top_k
        self.filter = selected
        self._has_filter = not (selected is None or selected == "")
        self.weighting_strategy = weighting_strategy
        self.fusion_algorithm = fusion_algorithm
        self.query_mode = query_mode
        self.on_empty = on_empty
        Query(
            data="",  # stands for what may be a template
            top_k=rendered_value(top_k, "top_k", _COUNT) if is_literal(top_k) else 1,
            filter=None if isinstance(selected, XComArg | Filter) else selected,
            **self._modes,
        )

    @property
    def _modes(self) -> dict[str, Any]:
        names = ("weighting_strategy", "fusion_algorithm", "query_mode")
        return {name: getattr(self, name) for name in names}

    def read(self, hook: UpstashVectorHook, namespace: str) -> Sequence[FetchedVector | None]:
        """Send the query; return the results."""
        if self._has_filter and (self.filter is None or self.filter == ""):
            raise InvalidRequest("filter", "was given, but is empty: a query without it would find other vectors")
        rendered: dict[str, Any] = {
            "vector": rendered_value(self.vector, "vector", _NUMBERS),
            "sparse_vector": rendered_value(self.sparse_vector, "sparse_vector", _SPARSE),
            "data": optional_text(self.data, "data") or None,
            "top_k": rendered_value(self.top_k, "top_k", _COUNT),
            "filter": self.filter,
        }
        self._wanted = rendered["top_k"]
        return hook.query(namespace=namespace, **rendered, **self.include, **self._modes)

    def outcomes(self, vectors: Sequence[FetchedVector | None]) -> Mapping[str, int]:
        """Return the number of results, and whether there is none."""
        return {"results": len(vectors), "empty": int(not vectors)}

    def after_read(self, vectors: Sequence[FetchedVector | None], namespace: str) -> None:
        """Log the number of results; without one, do what ``on_empty`` says."""
        found = f"{plural(len(vectors), 'vector')} found in {place_of(namespace)}"
        if self.filter not in {None, ""} and len(vectors) < self._wanted:
            found += f", fewer than top_k={self._wanted}"
            self.log.info(
                "%s: no more match the filter, or the service's budget for filtering was used up before: %s",
                found,
                str(self.filter),
            )
        elif vectors:
            self.log.info("%s.", found)
        if not vectors:
            message = (
                f"No vector was found in {place_of(namespace)}: it may not exist, or vectors may not be indexed "
                "yet, for which UpstashVectorIndexReadySensor waits."
            )
            fail_or_skip(self.on_empty, message)
