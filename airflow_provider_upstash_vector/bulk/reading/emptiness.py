"""Whether namespaces are empty, by a page of one vector: the counts of an index may be stale."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import islice

from airflow_provider_upstash_vector.client import AsyncVectorClient, wire
from airflow_provider_upstash_vector.client.errors import NotFound

_REQUESTS_AT_ONCE = 16


async def first_not_empty(client: AsyncVectorClient, namespaces: Collection[str]) -> str | None:
    """Return the first of the namespaces with a vector, or ``None``. Raises the errors of the client."""
    names = iter(namespaces)
    while batch := [*islice(names, _REQUESTS_AT_ONCE)]:
        found = await asyncio.gather(*(_has_vectors(client, name) for name in batch))
        if any(found):
            return batch[found.index(True)]
    return None


async def _has_vectors(client: AsyncVectorClient, namespace: str) -> bool:
    try:
        page = await client.run(wire.range_page(namespace, page_size=1))
    except NotFound:  # there is no such namespace
        return False
    return bool(page.vectors)
