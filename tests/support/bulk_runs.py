"""Vectors for bulk runs, and the errors and interruptions in which runs end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import QUICK

# A busy machine causes no retry: the tests count requests.
PATIENT = replace(
    QUICK, max_attempts=10, connect_timeout_seconds=30.0, request_timeout_seconds=30.0, total_timeout_seconds=60.0
)

Run = Callable[..., bulk.BulkReport]


def prepared(path: OpenablePath, is_settled: Callable[[int], bool] | None) -> FailuresFile:
    """Return a failures file that is ready to take lines."""
    file = FailuresFile(path)
    file.prepare(is_settled)
    return file


def fill(server: DevServer, ids: Iterable[str], namespace: str = "") -> None:
    """Write vectors with the metadata ``{"n": -1}``; requests are counted from 0 afterwards."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(({"id": id, "vector": [1, 1], "metadata": {"n": -1}} for id in ids), namespace)
    server.requests.clear()


def stored(server: DevServer, namespace: str = "") -> dict[str, Mapping[str, Any] | None]:
    """Return the metadata of every vector."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        return {vector.id: vector.metadata for vector in client.range(namespace, include_metadata=True)}


def failed(run: Callable[[], object]) -> bulk.BulkJobFailed:
    """Return the error that a run raises."""
    with pytest.raises(bulk.BulkJobFailed) as raised:
        run()
    return raised.value


class Interruption(BaseException):
    """Raised in a signal handler, as Airflow's task timeout is."""


@contextmanager
def interrupted_after(server: DevServer, count: int) -> Iterator[None]:
    """Interrupt the main thread after ``count`` updates."""

    def interrupt(_: int, __: object) -> None:
        raise Interruption

    def wait() -> None:
        end = time.monotonic() + 60
        while server.requests["update"] < count and time.monotonic() < end:
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGALRM)  # only in that thread does it end the wait for a lock

    main = threading.get_ident()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        threading.Thread(target=wait, daemon=True).start()
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
