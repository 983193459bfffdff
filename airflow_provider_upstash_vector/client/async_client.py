"""The async client: the same calls as the sync one, driven by the same retry flow over an async engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from airflow_provider_upstash_vector.client import retry, wire
from airflow_provider_upstash_vector.client.base import engine_settings, named_after
from airflow_provider_upstash_vector.client.errors import BadRequest, NotFound, UpstashVectorError
from airflow_provider_upstash_vector.client.models import (
    Endpoint,
    FetchedVector,
    QueryResult,
    RangePage,
    ResumableResults,
)
from airflow_provider_upstash_vector.client.models.queries import ResumableQuery
from airflow_provider_upstash_vector.client.transports.base import AsyncTransport, TransportSettings
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport

if TYPE_CHECKING:
    from typing_extensions import Self


def open_async_transport(settings: TransportSettings) -> AsyncTransport:
    """Return the fast engine, or with a proxy the one that knows proxies; on a running loop."""
    if settings.proxy is None:
        return Http1Transport(settings)
    from airflow_provider_upstash_vector.client.transports.aiohttp import (  # noqa: PLC0415 - rarely needed
        AiohttpTransport,
    )

    return AiohttpTransport(settings)


P = ParamSpec("P")
T = TypeVar("T")


def _method(
    build: Callable[P, wire.Call[T] | wire.CallSequence[T]],
) -> Callable[Concatenate[AsyncVectorClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncVectorClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(build(*args, **kwargs))

    return named_after(build, method)


def _iterator_method(
    build: Callable[P, Generator[wire.Call[RangePage], RangePage, None]],
) -> Callable[Concatenate[AsyncVectorClient, P], AsyncIterator[FetchedVector]]:
    def method(self: AsyncVectorClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[FetchedVector]:
        return self.iterate(build(*args, **kwargs))

    return named_after(build, method)


AsyncResumableQuery: TypeAlias = ResumableQuery[Coroutine[Any, Any, list[QueryResult]]]


def _context_method(
    build: Callable[P, wire.Call[ResumableResults]],
) -> Callable[Concatenate[AsyncVectorClient, P], AbstractAsyncContextManager[AsyncResumableQuery]]:
    def method(
        self: AsyncVectorClient, /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncResumableQuery]:
        return self.resumable(build(*args, **kwargs))

    return named_after(build, method)


class AsyncVectorClient:
    """Calls an index from an event loop, ``max_connections`` requests at a time.

    Use it as an async context manager on the loop that it is to run on. Methods, arguments and errors are
    those of :class:`~.sync_client.VectorClient`.

    :param endpoint: URL and token of the index.
    :param policy: limits time and attempts; by default ``RetryPolicy()``.
    :param max_connections: how many are kept open at most.
    :param open_engine: makes what sends the requests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        policy: retry.RetryPolicy | None = None,
        max_connections: int = 64,
        open_transport: Callable[[TransportSettings], AsyncTransport] = open_async_transport,
    ) -> None:
        self.policy = policy or retry.RetryPolicy()
        self._settings = engine_settings(endpoint, self.policy, max_connections)
        self._open_engine = open_transport
        self._opened: AsyncTransport | None = None

    upsert = _method(wire.upsert)
    upsert_data = _method(wire.upsert_data)
    query = _method(wire.query)
    query_data = _method(wire.query_data)
    query_many = _method(wire.query_many)
    resumable_query = _context_method(wire.resumable_query)
    fetch = _method(wire.fetch)
    range = _iterator_method(wire.range)
    random = _method(wire.random)
    delete = _method(wire.delete)
    update = _method(wire.update)
    reset = _method(wire.reset)
    info = _method(wire.info)
    list_namespaces = _method(wire.list_namespaces)
    delete_namespace = _method(wire.delete_namespace)
    rename_namespace = _method(wire.rename_namespace)

    async def run(self, request: wire.Call[T] | wire.CallSequence[T]) -> T:
        """Send a call, or step after step, each as often as the policy allows; return the result."""
        flow = self.flow(request)
        step = next(flow)
        while True:
            outcome: retry.Outcome = None
            if isinstance(step, retry.Wait):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    outcome = await self.open().send(step.path, step.body, step.timeout_seconds)
                except UpstashVectorError as error:
                    outcome = error
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns is a T

    async def iterate(
        self, pages: Generator[wire.Call[RangePage], RangePage, None]
    ) -> AsyncIterator[FetchedVector]:
        """Yield the vectors of page after page; a page is read when the one before is used up."""
        with suppress(StopIteration):
            call = next(pages)
            while True:
                page = await self.run(call)
                for vector in page.vectors:
                    yield vector
                call = pages.send(page)

    @asynccontextmanager
    async def resumable(self, call: wire.Call[ResumableResults]) -> AsyncIterator[AsyncResumableQuery]:
        """Begin a resumable query and end it, whatever happens in between."""
        started = await self.run(call)
        end = wire.resumable_query_end(started.uuid)
        try:
            yield ResumableQuery(started.scores, partial(self._next, started.uuid))
        except BaseException:
            with suppress(UpstashVectorError):
                await self.run(end)
            raise
        with suppress(BadRequest, NotFound):  # it has ended by itself
            await self.run(end)

    async def _next(self, uuid: str, additional_k: int) -> list[QueryResult]:
        return await self.run(wire.resumable_query_next(uuid, additional_k))

    def flow(
        self, request: wire.Call[T] | wire.CallSequence[T], clock: retry.Clock = time.monotonic
    ) -> retry.Flow[T]:
        """Return the retry flow of a request, for who drives it himself."""
        return retry.flow(request, self.policy, self._settings.redactor, clock=clock)

    def decode(self, call: wire.Call[T], response: wire.Response) -> T:
        """Return what an answer says, or raise its error, which does not show the token."""
        return wire.decode(call, response, time.time(), self._settings.redactor)

    def open(self) -> AsyncTransport:
        """Return the engine, opened on the running loop."""
        if self._opened is None:
            self._opened = self._open_engine(self._settings)
        return self._opened

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
