"""Clients with any transport, connected to a server of raw bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy, VectorUpdate
from tests.support.index_fixtures import QUICK, ClientOfEither
from tests.support.raw_server import RawServer, Script

ONCE = replace(QUICK, max_attempts=1)
CHANGE = VectorUpdate(id="a", data="x")


@contextmanager
def client_of(transport: str, server: RawServer, policy: object = ONCE) -> Iterator[ClientOfEither]:
    either = ClientOfEither(transport, Endpoint.of(server.url, "t0k3n"), policy)  # type: ignore[arg-type]  # a RetryPolicy
    try:
        yield either
    finally:
        either.end()


def responding(response: bytes) -> Script:
    return lambda connection, _: connection.sendall(response)


def client_to(transport: str, url: str, policy: RetryPolicy = ONCE) -> ClientOfEither:
    return ClientOfEither(transport, Endpoint.of(url, "t0k3n", allow_http=True), policy)
