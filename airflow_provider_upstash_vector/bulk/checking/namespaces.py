"""A namespace that is checked: its count, its sample, and queries of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from airflow_provider_upstash_vector.bulk.checking.sampling import Sample
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.reading.scan import Scan
from airflow_provider_upstash_vector.client import FetchedVector, Query, QueryResult

_FETCHED_IDS = 100  # a request, since each may have 1 MB of data
_QUERIES = 50  # a request
_CONCURRENCY = 8

T = TypeVar("T")


class CheckedNamespace:
    """A namespace as checks see it.

    ``count`` is the number of vectors, ``sample`` are some of them, with the parts that the checks use;
    ``baseline`` is the namespace to compare with, which has no sample. ``reads`` counts requests that read, and
    each query.
    """

    def __init__(
        self, client: PacedClient, namespace: str, count: int, baseline: CheckedNamespace | None = None
    ) -> None:
        self.namespace = namespace
        self.count = count
        self.baseline = baseline
        self.sample: Sequence[FetchedVector] = ()
        self.reads = 0
        self._client = client

    async def draw(self, size: int, seed: int, uses: Collection[str]) -> None:
        """Read the ids of all vectors, and the sample of them."""
        sample = Sample(size, seed)
        scan = Scan(namespace=self.namespace, include_vectors=False, include_metadata=False, include_data=False)
        async with aclosing(scan.pages(self._client)) as pages:
            async for _, page in pages:
                self.reads += 1
                for vector in page.vectors:
                    sample.add(vector["id"])
        found = await self.fetch(sample.ids(), **{f"include_{part}": True for part in uses})
        self.sample = [vector for vector in found if vector is not None]

    async def fetch(self, ids: Sequence[str], **include: bool) -> list[FetchedVector | None]:
        """Read vectors by id, ``None`` for an unknown one."""
        batches = _parts(ids, _FETCHED_IDS)
        self.reads += len(batches)
        found = await _together(
            [self._client.fetch(batch, self.namespace, **include) for batch in batches]  # type: ignore[arg-type]  # flags
        )
        return [vector for vectors in found for vector in vectors]

    async def query(self, queries: Iterable[Query | Mapping[str, Any]]) -> list[list[QueryResult]]:
        """Run queries; return the results of each."""
        checked = [Query.of(query) for query in queries]
        self.reads += len(checked)
        places: dict[str, list[int]] = {}
        for place, query in enumerate(checked):
            places.setdefault(query.command, []).append(place)
        batches = [batch for same in places.values() for batch in _parts(same, _QUERIES)]
        found = await _together(
            [self._client.query_many([checked[place] for place in batch], self.namespace) for batch in batches]
        )
        results: list[list[QueryResult]] = [[] for _ in checked]
        for batch, lists in zip(batches, found, strict=True):
            for place, one in zip(batch, lists, strict=True):
                results[place] = one
        return results


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


async def _together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of calls, a few of which run at a time; after an error, none is running."""
    slots = asyncio.Semaphore(_CONCURRENCY)

    async def call(one: Coroutine[Any, Any, T]) -> T:
        async with slots:
            return await one

    tasks = [asyncio.ensure_future(call(one)) for one in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
