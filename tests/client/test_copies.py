"""Copies and pickles of clients with open connections, and clients on a second event loop."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint
from airflow_provider_upstash_vector.client.errors import DifferentEventLoop
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import ClientOfEither

PICKLERS = [name for name in ("pickle", "cloudpickle", "dill") if find_spec(name)]


def pickled_by(name: str) -> Callable[[Any], Any]:
    pickler = import_module(name)
    return lambda original: pickle.loads(pickler.dumps(original))  # noqa: S301 - our own


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{name: pickled_by(name) for name in PICKLERS},
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_of_an_open_client_opens_its_own_connections(
    client: ClientOfEither, copied: Callable[[Any], Any]
) -> None:
    client.info()
    original = client.client
    client.client = copied(original)
    assert client.client._transport is None
    client.info()
    client.close()
    client.client = original
    client.info()


def test_a_second_event_loop_is_refused_before_anything_is_sent(endpoint: Endpoint, server: DevServer) -> None:
    client = AsyncVectorClient(endpoint)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(client.info())
    for use in (client.info, client.close):
        with pytest.raises(DifferentEventLoop, match="create one on each loop, or close it there first"):
            second.run_until_complete(use())
    assert server.requests["info"] == 1
    first.run_until_complete(client.close())
    second.run_until_complete(client.info())
    second.run_until_complete(client.close())
    first.close()
    second.close()


def test_after_its_loop_has_ended_a_client_can_be_closed(endpoint: Endpoint) -> None:
    client = AsyncVectorClient(endpoint)
    asyncio.run(client.info())
    with pytest.raises(DifferentEventLoop):
        asyncio.run(client.info())
    asyncio.run(client.close())
    asyncio.run(client.info())
    asyncio.run(client.close())
