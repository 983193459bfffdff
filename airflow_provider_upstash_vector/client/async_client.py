"""The async client: the calls of ``wire``, driven by the retry flow over an async transport."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import retry, wire
from airflow_provider_upstash_vector.client.base import RequestStats, TransportOwner, named_after
from airflow_provider_upstash_vector.client.credentials import Credentials
from airflow_provider_upstash_vector.client.errors import (
    BadRequest,
    DifferentEventLoop,
    NotFound,
    UpstashVectorError,
)
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


Attempt: TypeAlias = Callable[[retry.Send, bool], Awaitable[retry.Outcome]]
AsyncResumableQuery: TypeAlias = ResumableQuery[Coroutine[Any, Any, list[QueryResult]]]


def _context_method(
    build: Callable[P, wire.Call[ResumableResults]],
) -> Callable[Concatenate[AsyncVectorClient, P], AbstractAsyncContextManager[AsyncResumableQuery]]:
    def method(
        self: AsyncVectorClient, /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[AsyncResumableQuery]:
        return self.resumable(build(*args, **kwargs))

    return named_after(build, method)


class AsyncVectorClient(TransportOwner[AsyncTransport]):
    """An async client of one index, which sends up to ``max_connections`` requests at a time.

    Use it as an async context manager, on one event loop; on another, calls raise
    :class:`~.errors.DifferentEventLoop`. Methods, arguments and errors are those of
    :class:`~.sync_client.VectorClient`, and ``request_stats`` counts the requests of calls. After a fork, the
    child may use the client on a loop of its own.

    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param policy: limits of time and attempts; by default ``RetryPolicy()``.
    :param max_connections: maximum of open connections.
    :param open_transport: creates the transport, on the running loop.
    """

    def __init__(
        self,
        endpoint: Endpoint | Credentials,
        *,
        policy: retry.RetryPolicy | None = None,
        max_connections: int = 64,
        open_transport: Callable[[TransportSettings], AsyncTransport] = Http1Transport,
    ) -> None:
        super().__init__(endpoint, policy or retry.RetryPolicy(), max_connections)
        self._open_transport = open_transport
        self.request_stats = RequestStats()

    def _own_nothing(self) -> None:
        super()._own_nothing()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: asyncio.Task[str | None] | None = None

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
    swap_namespace = _method(wire.swap_namespace)
    rollback_namespace = _method(wire.rollback_namespace)
    expire_namespaces = _method(wire.expire_namespaces)

    async def run(self, request: wire.Call[T] | wire.CallSequence[T]) -> T:
        """Send a call, or each call of a sequence, with retries as the policy allows; return the result."""
        return await self._drive(self.flow(request), self._attempt)

    async def _drive(self, flow: retry.Flow[T], attempt: Attempt) -> T:
        """Return the result of a retry flow, whose requests are sent by ``attempt``."""
        outcome: retry.Outcome = None
        waited = False
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns is a T
            if isinstance(step, retry.Wait):
                self.request_stats.record_wait(step.seconds, getattr(outcome, "status", None))
                await asyncio.sleep(step.seconds)
                outcome, waited = None, True
            else:
                outcome = await attempt(step, waited)
                waited = False

    async def _attempt(self, step: retry.Send, is_retry: bool) -> retry.Outcome:  # noqa: FBT001 - as Attempt
        """Send a request and count it; return the response, or the error."""
        outcome: retry.Outcome
        started = time.monotonic()
        try:
            outcome = await self.send(step.path, step.body, step.timeout_seconds)
        except UpstashVectorError as error:
            outcome = error
        self.request_stats.record_request(time.monotonic() - started, is_retry=is_retry)
        return outcome

    async def send(self, path: str, body: bytes, timeout_seconds: float) -> wire.Response:
        """POST ``body`` once, and again with the new token after a 401 for a rotated one.

        Raises as :meth:`~.transports.base.Transport.send`, and :class:`~.errors.TokenRejected`.
        """
        rejections = 0
        while True:
            endpoint = self._endpoint
            response = await self.open().send(path, body, timeout_seconds)
            if not self._credentials.was_rotated(response.status):
                return response
            rejections += 1
            self._check_token(response, rejections, await self._read_again(endpoint))

    async def _read_again(self, rejected: Endpoint) -> str | None:
        """Use the new token, which is read once for all requests; return why there is none, or ``None``."""
        reason = None
        if self._credentials.endpoint is rejected:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_and_replace())
            reason = await asyncio.shield(self._reading)
        self._use_credentials()
        return reason

    async def _read_and_replace(self) -> str | None:
        try:
            fresh: Any = await in_thread(self._credentials.read)
            fresh = await fresh if inspect.isawaitable(fresh) else fresh
        except Exception as error:  # noqa: BLE001 - the 401 is raised instead
            fresh = error
        finally:
            self._reading = None
        return self._credentials.replace(fresh)

    async def iterate(
        self, pages: Generator[wire.Call[RangePage], RangePage, None]
    ) -> AsyncIterator[FetchedVector]:
        """Yield the vectors of all pages; a page is requested when the previous one is exhausted."""
        with suppress(StopIteration):
            call = next(pages)
            while True:
                page = await self.run(call)
                for vector in page.vectors:
                    yield vector
                call = pages.send(page)

    @asynccontextmanager
    async def resumable(self, call: wire.Call[ResumableResults]) -> AsyncIterator[AsyncResumableQuery]:
        """Start a resumable query, and end it on exit."""
        started = await self.run(call)
        try:
            yield ResumableQuery(started.scores, partial(self._next, started.uuid))
        except BaseException:
            with suppress(UpstashVectorError):
                await self.run(wire.resumable_query_end(started.uuid))
            raise
        with suppress(BadRequest, NotFound):  # it has ended already
            await self.run(wire.resumable_query_end(started.uuid))

    async def _next(self, uuid: str, additional_k: int) -> list[QueryResult]:
        return await self.run(wire.resumable_query_next(uuid, additional_k))

    def flow(
        self,
        request: wire.Call[T] | wire.CallSequence[T],
        *,
        policy: retry.RetryPolicy | None = None,
        clock: retry.Clock = time.monotonic,
    ) -> retry.Flow[T]:
        """Return the retry flow of a request, for callers that drive it themselves."""
        return retry.flow(request, policy or self.policy, self._settings.redactor, clock=clock)

    def decode(self, call: wire.Call[T], response: wire.Response) -> T:
        """Return the result in a response, or raise its error, without the token."""
        return wire.decode(call, response, time.time(), self._settings.redactor)

    def open(self) -> AsyncTransport:
        """Return the transport, created on first use on the running loop.

        Raises :class:`~.errors.DifferentEventLoop` if it was created on another one.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None:
            self._transport = self._open_transport(self._settings)
            self._loop = loop
        elif self._loop is not loop:
            raise DifferentEventLoop
        return self._transport

    async def close(self) -> None:
        """Close the connections. Raises :class:`~.errors.DifferentEventLoop` while their loop is another one."""
        if self._loop is not None and not self._loop.is_closed():
            await self.open().close()
            if self._reading is not None:
                self._reading.cancel()
        self._transport = self._loop = self._reading = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
