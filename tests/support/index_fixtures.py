"""Dev servers and clients for the tests."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, RetryPolicy, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer


class ManualClock:
    """A clock of a dev server that the test advances: ``clock.now += 5``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


QUICK = RetryPolicy(
    connect_timeout_seconds=1.0,
    request_timeout_seconds=1.0,
    total_timeout_seconds=10.0,
    first_backoff_seconds=0.01,
    max_backoff_seconds=0.02,
)


CLIENTS: dict[str, Callable[..., Any]] = {
    "httpx": VectorClient,
    "http1": AsyncVectorClient,
}


class ClientOfEither:
    """The sync or the async client with a blocking interface, so that a test runs with both."""

    def __init__(self, transport: str, endpoint: Endpoint, policy: RetryPolicy = QUICK) -> None:
        self._loop = asyncio.new_event_loop()
        self.client: Any = CLIENTS[transport](endpoint, policy=policy)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(*args: Any, **options: Any) -> Any:
            result = method(*args, **options)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call

    def listed(self, name: str, *args: Any, **options: Any) -> list[Any]:
        """Return the items that a method yields."""
        items = getattr(self.client, name)(*args, **options)

        async def collect() -> list[Any]:
            return [item async for item in items]

        return self._loop.run_until_complete(collect()) if hasattr(items, "__anext__") else [*items]

    @contextmanager
    def entered(self, name: str, *args: Any, **options: Any) -> Iterator[Any]:
        """Enter the context manager that a method returns; its ``fetch_next`` blocks too."""
        context = getattr(self.client, name)(*args, **options)
        if hasattr(context, "__enter__"):
            with context as entered:
                yield entered
            return
        exiting = AsyncExitStack()
        entered = self._loop.run_until_complete(exiting.enter_async_context(context))
        try:
            yield SimpleNamespace(
                results=entered.results,
                fetch_next=lambda additional_k: self._loop.run_until_complete(entered.fetch_next(additional_k)),
            )
        except BaseException as error:
            self._loop.run_until_complete(exiting.__aexit__(type(error), error, error.__traceback__))
            raise
        self._loop.run_until_complete(exiting.aclose())

    def end(self) -> None:
        self.close()
        self._loop.close()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[DevServer]:
    with DevServer() as server:
        yield server


@pytest.fixture
def server(shared_server: DevServer) -> Iterator[DevServer]:
    """An empty dense index of two dimensions."""
    yield shared_server
    shared_server.clear()


@pytest.fixture
def endpoint(server: DevServer) -> Endpoint:
    return Endpoint.of(server.url, server.token)


@pytest.fixture(params=[*CLIENTS])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(transport: str, endpoint: Endpoint) -> Iterator[ClientOfEither]:
    either = ClientOfEither(transport, endpoint)
    yield either
    either.end()


@pytest.fixture
def connection(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The default Airflow connection, which is to ``server``; returns its id."""
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server))
    return "upstash_vector_default"


def connection_json(server: DevServer, **extra: Any) -> str:
    return json.dumps(
        {"conn_type": "upstash_vector", "host": server.url, "password": server.token, "extra": extra}
    )
