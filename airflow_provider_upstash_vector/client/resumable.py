"""A resumable query in use, of either client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from airflow_provider_upstash_vector.client.models import QueryResult

More = TypeVar("More")


@dataclass(frozen=True, slots=True)
class ResumableQuery(Generic[More]):
    """The first ``results``; ``fetch_next(additional_k)`` gives (or with the async client, is awaited for) more.

    Fewer than asked for, or none, means that there are no more.
    """

    results: list[QueryResult]
    fetch_next: Callable[[int], More]
