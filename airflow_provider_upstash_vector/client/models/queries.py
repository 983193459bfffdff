"""Queries and their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypedDict, TypeVar

from pydantic import field_validator, model_validator

from airflow_provider_upstash_vector.client import validation
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.filters import Filter, filter_text
from airflow_provider_upstash_vector.client.models.base import ResponseModel, without_none
from airflow_provider_upstash_vector.client.models.vectors import FetchedVector, SparseLike, VectorOrData

if TYPE_CHECKING:
    FilterLike = str | Filter
else:  # Any for pydantic: the validator below checks and converts it
    FilterLike = Any

MAX_TOP_K = 1_000


class Query(VectorOrData):
    """A query by a vector, a sparse vector, both (hybrid indexes), or ``data``, a text to embed.

    ``top_k`` is from 1 to 1,000; ``filter`` a text or :class:`~..filters.Filter`. Raises :class:`InvalidRequest`
    with the name of the field.
    """

    top_k: int = 10
    filter: FilterLike | None = None
    include_vectors: bool = False
    include_metadata: bool = False
    include_data: bool = False
    weighting_strategy: str | None = None
    fusion_algorithm: str | None = None
    query_mode: str | None = None

    @field_validator("top_k", mode="before")
    @classmethod
    def _check_top_k(cls, value: Any) -> Any:
        return validation.whole_number(value, "top_k", MAX_TOP_K)

    @field_validator("include_vectors", "include_metadata", "include_data", mode="before")
    @classmethod
    def _check_flag(cls, value: Any) -> Any:
        return validation.flag(value, "include")

    @field_validator("filter", mode="before")
    @classmethod
    def _check_filter(cls, value: Any) -> Any:
        return None if value is None else validation.text(filter_text(value), "filter") or None

    @field_validator("weighting_strategy", mode="before")
    @classmethod
    def _check_weighting_strategy(cls, value: Any) -> Any:
        return validation.choice(value, "weighting_strategy", "IDF")

    @field_validator("fusion_algorithm", mode="before")
    @classmethod
    def _check_fusion_algorithm(cls, value: Any) -> Any:
        return validation.choice(value, "fusion_algorithm", "RRF", "DBSF")

    @field_validator("query_mode", mode="before")
    @classmethod
    def _check_query_mode(cls, value: Any) -> Any:
        return validation.choice(value, "query_mode", "HYBRID", "DENSE", "SPARSE")

    @model_validator(mode="after")
    def _check_complete(self) -> Query:
        by_vector = self.vector is not None or self.sparse_vector is not None
        if by_vector == (self.data is not None):
            raise InvalidRequest("query", "set either data, or vector, sparse_vector or both")
        if self.query_mode is not None and by_vector:
            raise InvalidRequest("query_mode", "applies to queries by data only")
        return self

    @property
    def command(self) -> str:
        """The endpoint: ``query`` or ``query-data``."""
        return "query" if self.data is None else "query-data"

    def wire_fields(self) -> dict[str, Any]:
        """Return the fields that are set, by the service's names."""
        options = {
            "topK": self.top_k,
            "filter": self.filter,
            "includeVectors": self.include_vectors,
            "includeMetadata": self.include_metadata,
            "includeData": self.include_data,
            "weightingStrategy": self.weighting_strategy,
            "fusionAlgorithm": self.fusion_algorithm,
            "queryMode": self.query_mode,
        }
        return {**super().wire_fields(), **without_none(options)}


class DataQueryOptions(TypedDict, total=False):
    """Keyword arguments of queries by text; :class:`Query` describes them."""

    top_k: int
    filter: str | Filter | None
    include_vectors: bool
    include_metadata: bool
    include_data: bool
    weighting_strategy: str | None
    fusion_algorithm: str | None
    query_mode: str | None


class QueryOptions(DataQueryOptions, total=False):
    """Keyword arguments of queries."""

    sparse_vector: SparseLike | None
    data: str | None


class QueryResult(FetchedVector):
    """A vector in the result of a query; in dense indexes, ``score`` is from 0 to 1, which is the nearest."""

    score: float


class ResumableResults(ResponseModel):
    """The first results of a resumable query, and the id by which it is continued."""

    uuid: str
    scores: list[QueryResult]


class RangePage(ResponseModel):
    """A page of vectors; ``next_cursor`` is ``""`` on the last one."""

    next_cursor: str
    vectors: list[FetchedVector]


More_co = TypeVar("More_co", covariant=True)


class FetchNext(Protocol[More_co]):
    """Requests the next results."""

    def __call__(self, additional_k: int) -> More_co:
        """Return up to ``additional_k`` (1 to 1,000) more."""


@dataclass(frozen=True, slots=True)
class ResumableQuery(Generic[More_co]):
    """The first ``results``, and ``fetch_next(additional_k)``, awaited with the async client, for more.

    Fewer results than requested mean that there are no more.
    """

    results: list[QueryResult]
    fetch_next: FetchNext[More_co]
