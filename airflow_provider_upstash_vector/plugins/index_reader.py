"""Reads the indexes of connections for the pages, with a time limit, and facts at most once in a few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from airflow_provider_upstash_vector.client.async_client import AsyncVectorClient
from airflow_provider_upstash_vector.client.errors import (
    BadRequest,
    InvalidRequest,
    NotFound,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import FetchedVector, IndexInfo
from airflow_provider_upstash_vector.client.retry import RetryPolicy
from airflow_provider_upstash_vector.client.wire import range_page
from airflow_provider_upstash_vector.hooks.connection_settings import ConnectionSettings, naming_connection
from airflow_provider_upstash_vector.index_page.reader import (
    IndexFacts,
    NamespaceFacts,
    ReadFailed,
    Search,
    StoredVector,
    VectorPage,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_SECONDS = 3.0
CACHE_SECONDS = 5.0
PAGE_VECTORS = 25
_MAX_THREADS = 8

_POLICY = RetryPolicy(
    max_attempts=1,
    connect_timeout_seconds=TIMEOUT_SECONDS,
    request_timeout_seconds=TIMEOUT_SECONDS,
)


class _CachedFacts(NamedTuple):
    until: float
    task: asyncio.Task[IndexFacts | ReadFailed]


@dataclass(slots=True)
class ConnectionIndexes:
    """The indexes of connections; who may read which is checked by the caller.

    :param settings_of: returns the settings of a connection, in a thread. Raises ``UpstashVectorError``.
    :param clock: returns the seconds by which facts age.
    """

    settings_of: Callable[[str], ConnectionSettings]
    clock: Callable[[], float] = time.monotonic
    _facts: dict[str, _CachedFacts] = field(default_factory=dict)
    # its own threads: a secrets backend that hangs would hold those that the API server needs for other requests
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_MAX_THREADS))

    async def facts(self, connection_id: str) -> IndexFacts:
        """Return facts that are a few seconds old at most; people who ask at a time share one request."""
        now = self.clock()
        for id in [id for id, cached in self._facts.items() if cached.until <= now and cached.task.done()]:
            del self._facts[id]
        if connection_id not in self._facts:
            task = asyncio.create_task(self._read_facts(connection_id))
            self._facts[connection_id] = _CachedFacts(now + CACHE_SECONDS, task)
        facts = await asyncio.shield(self._facts[connection_id].task)
        if isinstance(facts, ReadFailed):
            raise ReadFailed(facts.message, facts.status)
        return facts

    async def _read_facts(self, connection_id: str) -> IndexFacts | ReadFailed:
        async def read(client: AsyncVectorClient, settings: ConnectionSettings) -> IndexFacts:
            started = time.monotonic()
            info = await client.info()
            return _facts(info, settings, time.monotonic() - started)

        try:
            return await self._read(connection_id, read)
        except ReadFailed as error:
            return error

    async def vectors(self, connection_id: str, namespace: str, prefix: str, cursor: str) -> VectorPage:
        """Return a page of vectors."""

        async def read(client: AsyncVectorClient, _: ConnectionSettings) -> VectorPage:
            call = range_page(
                namespace,
                cursor=cursor or "0",
                prefix=prefix or None,
                page_size=PAGE_VECTORS,
                include_vectors=True,
                include_metadata=True,
                include_data=True,
            )
            page = await client.run(call)
            vectors = [_stored(FetchedVector.model_validate(vector)) for vector in page.vectors[:PAGE_VECTORS]]
            return VectorPage(vectors=vectors, next_cursor=page.next_cursor)

        return await self._read(connection_id, read)

    async def vector(self, connection_id: str, namespace: str, id: str) -> StoredVector | None:
        """Return one vector."""

        async def read(client: AsyncVectorClient, _: ConnectionSettings) -> StoredVector | None:
            (found,) = await client.fetch(
                [id], namespace, include_vectors=True, include_metadata=True, include_data=True
            )
            return None if found is None else _stored(found)

        return await self._read(connection_id, read)

    async def search(self, connection_id: str, namespace: str, search: Search) -> Sequence[StoredVector]:
        """Return the nearest vectors."""

        async def read(client: AsyncVectorClient, _: ConnectionSettings) -> Sequence[StoredVector]:
            found = await client.query(
                search.vector,
                namespace,
                data=search.text,
                sparse_vector=search.sparse,
                top_k=PAGE_VECTORS,
                filter=search.filter or None,
                include_vectors=True,
                include_metadata=True,
                include_data=True,
            )
            return [_stored(vector, vector.score) for vector in found[:PAGE_VECTORS]]

        return await self._read(connection_id, read)

    async def _read(
        self, connection_id: str, read: Callable[[AsyncVectorClient, ConnectionSettings], Awaitable[T]]
    ) -> T:
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._threads, self.settings_of, connection_id)
            settings = await asyncio.wait_for(reading, TIMEOUT_SECONDS)
            async with AsyncVectorClient(settings.endpoint, policy=_POLICY, max_connections=1) as client:
                with naming_connection(connection_id):
                    return await read(client, settings)
        except (BadRequest, InvalidRequest) as error:
            raise ReadFailed(error.message, 400) from None
        except NotFound as error:
            raise ReadFailed(error.message, 404) from None
        except UpstashVectorError as error:
            raise ReadFailed(str(error)) from None
        except ValidationError:  # its text has parts of the response
            raise ReadFailed("The response of the index has a vector that is not as documented.") from None
        except asyncio.TimeoutError:
            raise ReadFailed(f"The connection was not read within {TIMEOUT_SECONDS:.0f} s.") from None
        except Exception as error:  # e.g. of a secrets backend; its text may hold a secret
            log.exception("The index of the connection %r could not be read", connection_id)
            name = type(error).__name__
            raise ReadFailed(f"The index could not be read: {name}. The API server's log has more.") from None


def _facts(info: IndexInfo, settings: ConnectionSettings, seconds: float) -> IndexFacts:
    parts = (info.dense_index, info.sparse_index)
    return IndexFacts(
        url=settings.endpoint.url,
        index_type=info.index_type,
        dimension=info.dimension,
        similarity=info.similarity_function,
        models=[part.embedding_model for part in parts if part is not None and part.embedding_model],
        vectors=info.vector_count,
        pending=info.pending_vector_count,
        size_bytes=info.index_size,
        namespaces=[
            NamespaceFacts(name=name, vectors=counts.vector_count, pending=counts.pending_vector_count)
            for name, counts in sorted(info.namespaces.items())
        ],
        seconds=seconds,
        read_at=datetime.now(timezone.utc),
        default_namespace=settings.namespace,
    )


def _stored(vector: FetchedVector, score: float | None = None) -> StoredVector:
    sparse = vector.sparse_vector
    return StoredVector(
        id=vector.id,
        vector=vector.vector,
        sparse=None if sparse is None else (sparse.indices, sparse.values),
        metadata=vector.metadata,
        data=vector.data,
        score=score,
    )
