"""The sync client: the calls of ``wire``, driven by the retry flow over httpx."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import retry, wire
from airflow_provider_upstash_vector.client.base import (
    RequestStats,
    TransportOwner,
    named_after,
)
from airflow_provider_upstash_vector.client.credentials import Credentials
from airflow_provider_upstash_vector.client.errors import BadRequest, Cancelled, NotFound, UpstashVectorError
from airflow_provider_upstash_vector.client.models import (
    Endpoint,
    FetchedVector,
    QueryResult,
    RangePage,
    ResumableResults,
)
from airflow_provider_upstash_vector.client.models.queries import ResumableQuery
from airflow_provider_upstash_vector.client.transports.base import Transport
from airflow_provider_upstash_vector.client.transports.httpx import HttpxTransport

if TYPE_CHECKING:
    from typing_extensions import Self

_CANCELLED = "cancelled before a response arrived, so it may have been applied; it can be sent again"

P = ParamSpec("P")
T = TypeVar("T")


def _method(
    build: Callable[P, wire.Call[T] | wire.CallSequence[T]],
) -> Callable[Concatenate[VectorClient, P], T]:
    def method(self: VectorClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(build(*args, **kwargs))

    return named_after(build, method)


def _iterator_method(
    build: Callable[P, Generator[wire.Call[RangePage], RangePage, None]],
) -> Callable[Concatenate[VectorClient, P], Iterator[FetchedVector]]:
    def method(self: VectorClient, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[FetchedVector]:
        return self.iterate(build(*args, **kwargs))

    return named_after(build, method)


def _context_method(
    build: Callable[P, wire.Call[ResumableResults]],
) -> Callable[Concatenate[VectorClient, P], AbstractContextManager[ResumableQuery[list[QueryResult]]]]:
    def method(
        self: VectorClient, /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractContextManager[ResumableQuery[list[QueryResult]]]:
        return self.resumable(build(*args, **kwargs))

    return named_after(build, method)


class VectorClient(TransportOwner[Transport]):
    """A client of one index. Close it, or use it as a context manager.

    Methods raise :class:`~.errors.UpstashVectorError`; :class:`~.errors.InvalidRequest` before anything is sent.
    ``request_stats`` counts the requests. ``namespace=None`` means the index's default one, as ``""`` does.
    After a fork, both processes may use the client. A copy or pickle has the token, but no connections.

    :param endpoint: URL and token of the index, or the :class:`Credentials` that read a rotated token again.
    :param policy: limits of time and attempts; by default ``RetryPolicy()``.
    :param max_connections: maximum of open connections; more than one is used only if threads share the client.
    :param cancel_token: cancels calls at once, from another thread or a signal handler: they raise ``Cancelled``.
        Each request then has a thread of its own, which ends at its timeout.
    """

    def __init__(
        self,
        endpoint: Endpoint | Credentials,
        *,
        policy: retry.RetryPolicy | None = None,
        max_connections: int = 10,
        cancel_token: CancelToken | None = None,
    ) -> None:
        super().__init__(endpoint, policy or retry.RetryPolicy(), max_connections)
        self.request_stats = RequestStats()
        self._cancel_token = cancel_token

    def _own_nothing(self) -> None:
        super()._own_nothing()
        self._lock = threading.Lock()

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

    def run(self, request: wire.Call[T] | wire.CallSequence[T]) -> T:
        """Send a call, or each call of a sequence, with retries as the policy allows; return the result."""
        flow = retry.flow(request, self.policy, self._settings.redactor)
        waited = False
        outcome: retry.Outcome = None
        while True:
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns is a T
            if isinstance(step, retry.Wait):
                cancelled = self._sleep(step.seconds)
                self.request_stats.record_wait(step.seconds, getattr(outcome, "status", None))
                outcome, waited = cancelled, True
            else:
                started = time.monotonic()
                try:
                    outcome = self.send(step.path, step.body, step.timeout_seconds)
                except UpstashVectorError as error:
                    outcome = error
                self.request_stats.record_request(time.monotonic() - started, is_retry=waited)
                waited = False

    def send(self, path: str, body: bytes, timeout_seconds: float) -> wire.Response:
        """POST ``body`` once, and again with the new token after a 401 for a rotated one.

        Raises as :meth:`~.transports.base.Transport.send`, and :class:`~.errors.TokenRejected`.
        """
        rejections = 0
        while True:
            endpoint = self._endpoint
            response = self._post(path, body, timeout_seconds)
            if not self._credentials.was_rotated(response.status):
                return response
            rejections += 1
            self._check_token(response, rejections, self._read_again(endpoint))

    def _read_again(self, rejected: Endpoint) -> str | None:
        """Use the new token, which one thread reads; return why there is none, or ``None``."""
        with self._lock:
            reason = None
            if self._credentials.endpoint is rejected:
                try:
                    fresh: Any = self._credentials.read()
                except Exception as error:  # noqa: BLE001 - the 401 is raised instead
                    fresh = error
                reason = self._credentials.replace(fresh)
            self._use_credentials()
            return reason

    def open(self) -> Transport:
        """Return the transport, created on first use."""
        if self._transport is None:
            with self._lock:
                self._transport = self._transport or HttpxTransport(self._settings)
        return self._transport

    def _post(self, path: str, body: bytes, timeout_seconds: float) -> wire.Response:
        send = partial(self.open().send, path, body, timeout_seconds)
        if self._cancel_token is None:
            return send()
        try:
            return self._cancel_token.call(send)
        except CancelledError:
            raise Cancelled(_CANCELLED) from None

    def _sleep(self, seconds: float) -> Cancelled | None:
        if self._cancel_token is None:
            time.sleep(seconds)
            return None
        return Cancelled(_CANCELLED) if self._cancel_token.sleep(seconds) else None

    def iterate(self, pages: Generator[wire.Call[RangePage], RangePage, None]) -> Iterator[FetchedVector]:
        """Yield the vectors of all pages; a page is requested when the previous one is exhausted."""
        with suppress(StopIteration):
            call = next(pages)
            while True:
                page = self.run(call)
                yield from page.vectors
                call = pages.send(page)

    @contextmanager
    def resumable(self, call: wire.Call[ResumableResults]) -> Iterator[ResumableQuery[list[QueryResult]]]:
        """Start a resumable query, and end it on exit."""
        started = self.run(call)
        try:
            yield ResumableQuery(started.scores, partial(self._next, started.uuid))
        except BaseException:
            with suppress(UpstashVectorError):
                self.run(wire.resumable_query_end(started.uuid))
            raise
        with suppress(BadRequest, NotFound):  # it has ended already
            self.run(wire.resumable_query_end(started.uuid))

    def _next(self, uuid: str, additional_k: int) -> list[QueryResult]:
        return self.run(wire.resumable_query_next(uuid, additional_k))

    def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
