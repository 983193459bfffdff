"""A token that is rotated while a client is in use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    Credentials,
    Endpoint,
    RetryPolicy,
    VectorClient,
)
from airflow_provider_upstash_vector.client.errors import TokenRejected, Unauthorized
from airflow_provider_upstash_vector.client.redaction import Redactor
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import ClientOfEither

IN_FLIGHT = 64
# a request that times out on a busy machine would be counted twice
PATIENT = RetryPolicy(connect_timeout_seconds=60.0, request_timeout_seconds=60.0)


class Reader:
    """Reads the endpoint of a server, and counts how often."""

    def __init__(self, server: DevServer) -> None:
        self.server = server
        self.reads = 0

    def __call__(self) -> Endpoint:
        self.reads += 1
        return Endpoint.of(self.server.url, self.server.token)


@pytest.fixture
def server() -> Any:
    with DevServer() as server:
        yield server


@pytest.fixture
def reader(server: DevServer) -> Reader:
    return Reader(server)


def client_with(transport: str, read: Callable[[], Any] | None, server: DevServer) -> ClientOfEither:
    return ClientOfEither(transport, Credentials(Endpoint.of(server.url, server.token), read), PATIENT)  # type: ignore[arg-type]  # as the clients do


def test_calls_continue_with_the_new_token(transport: str, server: DevServer, reader: Reader) -> None:
    client = client_with(transport, reader, server)
    for rotations in range(3):
        client.upsert([{"id": "a", "vector": [1, 2]}])
        assert client.fetch(["a"])[0].id == "a"
        assert reader.reads == rotations
        server.rotate_token()
    assert server.requests == {"upsert": 3 + 2, "fetch": 3}
    client.end()


def test_a_401_on_the_first_request_is_permanent(transport: str, server: DevServer, reader: Reader) -> None:
    client = client_with(transport, reader, server)
    server.rotate_token()
    for _ in range(2):
        with pytest.raises(Unauthorized) as caught:
            client.info()
        assert type(caught.value) is Unauthorized
    assert reader.reads == 0
    client.end()


def test_a_lacking_permission_is_not_a_rotated_token(transport: str, server: DevServer, reader: Reader) -> None:
    endpoint: Any = Credentials(Endpoint.of(server.url, server.read_only_token), reader)
    client = ClientOfEither(transport, endpoint)
    client.info()
    with pytest.raises(Unauthorized) as caught:
        client.reset()
    assert (type(caught.value), caught.value.status, reader.reads) == (Unauthorized, 403, 0)
    client.end()


def fails() -> Endpoint:
    raise RuntimeError("wrong: https://:t0k3n@host")


URL = [""]
READERS: dict[str, tuple[Callable[[], Any] | None, str]] = {
    "none": (None, "enter the new token, then run again"),
    "broken": (fails, "reading it again failed with RuntimeError"),
    "moved": (lambda: Endpoint.of("https://other.test", "n3w"), "the connection is now that of another index"),
    "wrong": (lambda: Endpoint(url=URL[0], token=SecretStr("n3w-t0k3n")), "the new one is rejected too"),
}


@pytest.mark.parametrize(("read", "reason"), READERS.values(), ids=READERS)
def test_without_a_valid_new_token_the_error_says_why(
    transport: str, server: DevServer, read: Callable[[], Any] | None, reason: str
) -> None:
    URL[0] = server.url
    client = client_with(transport, read, server)
    client.info()
    server.rotate_token()
    with pytest.raises(TokenRejected) as caught:
        client.info()
    assert str(caught.value) == (
        "info: 401 Unauthorized: Invalid auth token; earlier requests were accepted, "
        f"so the token was rotated or revoked: {reason}"
    )
    assert caught.value.__cause__ is caught.value.__context__ is None
    with pytest.raises(TokenRejected):
        client.info()
    client.end()


@pytest.mark.parametrize(("rotations", "sent"), [(3, 4), (9, 5)])
def test_a_token_that_is_rotated_again_while_it_is_read(
    transport: str, server: DevServer, rotations: int, sent: int
) -> None:
    reads = 0

    def read() -> Endpoint:
        nonlocal reads
        endpoint, reads = Endpoint.of(server.url, server.token), reads + 1
        if reads < rotations:
            server.rotate_token()
        return endpoint

    client = client_with(transport, read, server)
    client.info()
    server.rotate_token()
    if rotations < sent:
        client.info()
    else:
        with pytest.raises(TokenRejected, match="the new one is rejected too"):
            client.info()
    assert server.requests["info"] == 1 + sent
    client.end()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_requests_in_flight_read_the_token_once(server: DevServer, reader: Reader, *, asynchronous: bool) -> None:
    async def read() -> Endpoint:
        await asyncio.sleep(0.01)
        return reader()

    async def fetch_many() -> None:
        credentials = Credentials(Endpoint.of(server.url, server.token), read if asynchronous else reader)
        async with AsyncVectorClient(credentials, policy=PATIENT) as client:
            await client.info()
            server.rotate_token()
            await asyncio.gather(*(client.info() for _ in range(IN_FLIGHT)))

    asyncio.run(fetch_many())
    assert reader.reads == 1
    assert IN_FLIGHT + 2 <= server.requests["info"] <= 2 * IN_FLIGHT + 1


def test_threads_read_the_token_once(server: DevServer, reader: Reader) -> None:
    credentials = Credentials(Endpoint.of(server.url, server.token), reader)
    together = threading.Barrier(8)
    with VectorClient(credentials) as client, ThreadPoolExecutor(8) as pool:
        client.info()
        server.rotate_token()

        def info(_: int) -> None:
            together.wait(60)
            client.info()

        assert len([*pool.map(info, range(8))]) == 8
    assert reader.reads == 1


def test_clients_that_share_credentials_know_what_each_other_knows(server: DevServer, reader: Reader) -> None:
    credentials = Credentials(Endpoint.of(server.url, server.token), reader)
    with VectorClient(credentials) as first, VectorClient(credentials) as second:
        first.info()
        server.rotate_token()
        second.info()  # its own first request
        first.info()
        with VectorClient(credentials) as third:
            third.info()
    assert reader.reads == 1


def test_a_client_that_is_closed_while_the_token_is_read_opens_again(server: DevServer) -> None:
    def close_and_read() -> Endpoint:
        client.close()
        return Endpoint.of(server.url, server.token)

    with VectorClient(Credentials(Endpoint.of(server.url, server.token), close_and_read)) as client:
        client.info()
        server.rotate_token()
        client.info()


def test_closing_an_async_client_ends_the_reading_of_the_token(server: DevServer) -> None:
    async def close_while_reading() -> None:
        reads = asyncio.Event()

        async def read() -> Endpoint:
            reads.set()
            return await asyncio.Future()

        client = AsyncVectorClient(Credentials(Endpoint.of(server.url, server.token), read))
        await client.info()
        server.rotate_token()
        request = asyncio.create_task(client.info())
        await reads.wait()
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(request, 60)

    asyncio.run(close_while_reading())


def test_both_tokens_are_removed_from_errors() -> None:
    redactor = Redactor("first-t0k3n")
    assert redactor.redact("first-t0k3n, later-t0k3n") == "***, later-t0k3n"
    redactor.add("later-t0k3n")
    assert redactor.redact("first-t0k3n, later-t0k3n") == "***, ***"
