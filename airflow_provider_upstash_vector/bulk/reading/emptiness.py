"""Whether namespaces are empty or unknown, by a page of one vector: the counts of an index may be stale."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import islice

from airflow_provider_upstash_vector.client import AsyncVectorClient, IndexInfo, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest, NotFound

_REQUESTS_AT_ONCE = 16
_MAX_NAME_CHARS = 100


async def first_not_empty(client: AsyncVectorClient, namespaces: Collection[str]) -> str | None:
    """Return the first of the namespaces with a vector, or ``None``. Raises the errors of the client."""
    names = iter(namespaces)
    while batch := [*islice(names, _REQUESTS_AT_ONCE)]:
        found = await asyncio.gather(*(_has_vectors(client, name) for name in batch))
        if any(found):
            return batch[found.index(True)]
    return None


async def check_known(
    client: AsyncVectorClient, index: IndexInfo, namespaces: Collection[str], argument: str
) -> None:
    """Raise :class:`InvalidRequest` for an unknown namespace; the default one always exists."""
    for name in [name for name in namespaces if name and name not in index.namespaces]:
        if not await _has_vectors(client, name):
            raise InvalidRequest(
                argument,
                f"there is no namespace {name[:_MAX_NAME_CHARS]!r} in the index to read: check its name, and that "
                "the URL or connection is that of the right index",
            )


async def _has_vectors(client: AsyncVectorClient, namespace: str) -> bool:
    try:
        page = await client.run(wire.range_page(namespace, page_size=1))
    except NotFound:  # there is no such namespace
        return False
    return bool(page.vectors)
