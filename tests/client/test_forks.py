"""Clients and hooks that were used before a fork: parent and children have their own connections."""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import trustme

from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy, base
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from tests.client.transports.test_connections import server_tls
from tests.support.bulk_runs import fill
from tests.support.index_fixtures import CLIENTS, ClientOfEither
from tests.support.raw_server import RawServer, http_response

FORK = multiprocessing.get_context("fork")
CHILDREN, REQUESTS, DEADLINE_SECONDS = 3, 200, 120
ONE_ATTEMPT = RetryPolicy(max_attempts=1, request_timeout_seconds=60.0)


def fetch_own(fetch: Callable[..., Any], name: str) -> None:
    """Fetch the vectors of one process; each response must be that of its request."""
    for number in range(REQUESTS):
        id = f"{name}-{number}"
        (vector,) = fetch([id])
        assert vector is not None, id
        assert vector.id == id


def in_child(user: Any, name: str) -> None:
    if isinstance(user, ClientOfEither):
        user._loop = asyncio.new_event_loop()
    fetch_own(user.fetch, name)


@pytest.mark.parametrize("kind", [*CLIENTS, "hook"])
def test_every_process_gets_its_own_responses(
    kind: str, server: DevServer, endpoint: Endpoint, connection: str
) -> None:
    names = ["parent", *(f"child{number}" for number in range(CHILDREN))]
    fill(server, [f"{name}-{number}" for name in names for number in range(REQUESTS)])
    user: Any = UpstashVectorHook() if kind == "hook" else ClientOfEither(kind, endpoint, ONE_ATTEMPT)
    fetch_own(user.fetch, "parent")
    children = [FORK.Process(target=in_child, args=(user, name), daemon=True) for name in names[1:]]
    for child in children:
        child.start()
    fetch_own(user.fetch, "parent")
    for child in children:
        child.join(DEADLINE_SECONDS)
    assert [child.exitcode for child in children] == [0] * CHILDREN
    fetch_own(user.fetch, "parent")
    user.close()
    if isinstance(user, ClientOfEither):
        user.end()


def test_what_is_left_to_the_parent_stays_open(client: ClientOfEither, monkeypatch: pytest.MonkeyPatch) -> None:
    client.info()
    owner = client.client
    left = vars(owner).copy()
    monkeypatch.setattr(base, "_owners", WeakSet([owner]))
    base._leave_transports_to_parent()  # as in a child, without the end of its process
    client.info()
    assert owner._transport is not left["_transport"]
    client.close()
    owner.leave_to_parent()  # without a transport
    vars(owner).update(left)
    client.info()


# Children end with their interpreter, finalizers included.
ENDINGS = """
import asyncio, gc, os, sys
from tests.support.transport_clients import CHANGE, client_to

def wait_for(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

client = client_to(sys.argv[1], sys.argv[2])
client.update(CHANGE)
for kind in ("ignores", "closes", "frees", "uses"):
    child = os.fork()
    if not child:
        loop, client._loop = client._loop, asyncio.new_event_loop()
        if kind == "closes":
            client.close()
        if kind == "frees":
            del client
            gc.collect()
        if kind == "uses":
            client.update(CHANGE)
        sys.exit()
    wait_for(child)
    client.update(CHANGE)
print("done")
"""


def test_no_child_ends_a_tls_session_of_the_parent(transport: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with RawServer(lambda socket, _: socket.sendall(http_response()), server_tls(authority)) as server:
        parent = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ENDINGS, transport, server.url],
            env={"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    assert (parent.stdout, parent.returncode) == ("done\n", 0), parent.stderr
    assert (server.connections, len(server.requests)) == (2, 6)
