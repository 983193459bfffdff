"""A resumable query in use, of either client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from airflow_provider_upstash_vector.client.models import QueryResult

More_co = TypeVar("More_co", covariant=True)


class FetchNext(Protocol[More_co]):
    """Asks for the next results."""

    def __call__(self, additional_k: int) -> More_co:
        """Return up to ``additional_k`` (1 to 1,000) more."""


@dataclass(frozen=True, slots=True)
class ResumableQuery(Generic[More_co]):
    """The first ``results``; ``fetch_next(additional_k)`` gives (or with the async client, is awaited for) more.

    Fewer than asked for, or none, means that there are no more.
    """

    results: list[QueryResult]
    fetch_next: FetchNext[More_co]
