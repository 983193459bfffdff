"""The sync client: one line per API call, driven by the retry flow over httpx."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from airflow_provider_upstash_vector.client import retry, wire
from airflow_provider_upstash_vector.client.engines.base import Connection, Engine
from airflow_provider_upstash_vector.client.engines.httpx_engine import HttpxEngine
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.client.methods import named_after
from airflow_provider_upstash_vector.client.models import Endpoint

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")


def _method(build: Callable[P, wire.Call[T]]) -> Callable[Concatenate[VectorClient, P], T]:
    def method(self: VectorClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.run(build(*args, **kwargs))

    return named_after(build, method)


class VectorClient:
    """Calls an index, waiting for each answer. Close it, or use it as a context manager.

    Every method raises :class:`~.errors.UpstashVectorError`; :class:`~.errors.InvalidUpdate` before
    anything is sent. ``policy`` limits time and attempts; ``max_connections`` are kept open at most, which
    matters only where threads share the client.
    """

    def __init__(
        self, endpoint: Endpoint, *, policy: retry.RetryPolicy | None = None, max_connections: int = 10
    ) -> None:
        self._policy = policy or retry.RetryPolicy()
        self._token = endpoint.token.get_secret_value()
        self._engine: Engine = HttpxEngine(
            Connection(
                base_url=endpoint.url,
                headers=wire.headers(self._token),
                connect_timeout_seconds=self._policy.connect_timeout_seconds,
                max_connections=max_connections,
            )
        )

    update = _method(wire.update)
    upsert = _method(wire.upsert)
    fetch = _method(wire.fetch)
    info = _method(wire.info)
    reset = _method(wire.reset)
    reset_all = _method(wire.reset_all)

    def run(self, call: wire.Call[T]) -> T:
        """Send a call, as often as the policy allows, and return its result."""
        flow = retry.flow(call, self._policy, secret=self._token)
        step = next(flow)
        while True:
            outcome: retry.Outcome = None
            if isinstance(step, retry.Wait):
                time.sleep(step.seconds)
            else:
                try:
                    outcome = self._engine.send(call.path, call.body, step.timeout_seconds)
                except UpstashVectorError as error:
                    outcome = error
            try:
                step = flow.send(outcome)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns is a T

    def close(self) -> None:
        """Close the connections."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
