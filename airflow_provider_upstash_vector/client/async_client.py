"""The async client: the same calls as the sync one, driven by the same retry flow over aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow_provider_upstash_vector.client import retry, wire
from airflow_provider_upstash_vector.client.engines.aiohttp_engine import AiohttpEngine
from airflow_provider_upstash_vector.client.engines.base import AsyncEngine, Connection
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.client.methods import named_after
from airflow_provider_upstash_vector.client.models import Endpoint

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")


def _method(
    build: Callable[P, wire.Call[T]],
) -> Callable[Concatenate[AsyncVectorClient, P], Coroutine[Any, Any, T]]:
    async def method(self: AsyncVectorClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(build(*args, **kwargs))

    return named_after(build, method)


class AsyncVectorClient:
    """Calls an index from an event loop, ``max_connections`` requests at a time.

    Use it as an async context manager on the loop that it is to run on. Methods, arguments and errors are
    those of :class:`~.sync_client.VectorClient`.
    """

    def __init__(
        self, endpoint: Endpoint, *, policy: retry.RetryPolicy | None = None, max_connections: int = 64
    ) -> None:
        self._policy = policy or retry.RetryPolicy()
        self._token = endpoint.token.get_secret_value()
        self._connection = Connection(
            base_url=endpoint.url,
            headers=wire.headers(self._token),
            connect_timeout_seconds=self._policy.connect_timeout_seconds,
            max_connections=max_connections,
        )
        self._opened: AsyncEngine | None = None

    update = _method(wire.update)
    upsert = _method(wire.upsert)
    fetch = _method(wire.fetch)
    info = _method(wire.info)
    reset = _method(wire.reset)
    reset_all = _method(wire.reset_all)

    async def run(self, call: wire.Call[T]) -> T:
        """Send a call, as often as the policy allows, and return its result."""
        flow = retry.flow(call, self._policy, secret=self._token)
        step = next(flow)
        while True:
            outcome: retry.Outcome = None
            if isinstance(step, retry.Wait):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    outcome = await self._engine().send(call.path, call.body, step.timeout_seconds)
                except UpstashVectorError as error:
                    outcome = error
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns is a T

    def _engine(self) -> AsyncEngine:
        if self._opened is None:  # aiohttp wants to be opened on a running loop
            self._opened = AiohttpEngine(self._connection)
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
