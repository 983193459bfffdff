"""Clients of any engine for a server of raw bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy, VectorUpdate
from tests.contract.raw_server import RawServer, Script
from tests.index_fixtures import QUICK, ClientOfEither

ONCE = replace(QUICK, max_attempts=1)


CHANGE = VectorUpdate(id="a", data="x")


@contextmanager
def client_of(engine: str, server: RawServer, policy: object = ONCE) -> Iterator[ClientOfEither]:
    either = ClientOfEither(engine, Endpoint.of(server.url, "t0k3n"), policy)  # type: ignore[arg-type]  # a RetryPolicy
    try:
        yield either
    finally:
        either.end()


def answering(answer: bytes) -> Script:
    return lambda connection, _: connection.sendall(answer)


def client_to(engine: str, url: str, policy: RetryPolicy = ONCE) -> ClientOfEither:
    return ClientOfEither(engine, Endpoint.of(url, "t0k3n", allow_http=True), policy)
