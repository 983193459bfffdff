"""Runs that read an index that refuses requests, and the client that holds them back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.checking import SelfRecall, check
from airflow_provider_upstash_vector.bulk.errors import RunFailed
from airflow_provider_upstash_vector.bulk.reading.paced import PacedClient
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.client import Endpoint, Field, wire
from airflow_provider_upstash_vector.client.errors import Cancelled, RateLimited, ServerError
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, fill

TWICE = replace(PATIENT, max_attempts=2)
QUIET: dict[str, Any] = {"policy": TWICE, "progress": "none"}
Run: TypeAlias = Callable[..., int]


def update(endpoint: Endpoint, _: Path, **options: Any) -> int:
    change: dict[str, Any] = {"where": Field("n") == -1, "metadata": {"n": 1}}
    return bulk.update_where(endpoint, **change, **QUIET, **options).matched


def sync(endpoint: Endpoint, _: Path, **options: Any) -> int:
    rows = [{"id": "v0", "vector": [1, 1]}]
    return bulk.sync(rows, endpoint, scope="all", mode="plan", **QUIET, **options).not_in_source + 1


# Each reads the vectors of the default namespace, and returns their number.
RUNS: dict[str, Callable[..., int]] = {
    "export": lambda endpoint, path, **options: bulk.export(path, endpoint, **QUIET, **options).rows,
    "copy": lambda endpoint, _, **options: (
        bulk.copy(endpoint, endpoint, target_namespace="copy", **QUIET, **options).done
    ),
    "sync": sync,
    "check": lambda endpoint, _, **options: (
        check(endpoint, checks=[SelfRecall()], policy=TWICE, **options).sampled
    ),
    "update_where": update,
    "delete": lambda endpoint, _, **options: (
        bulk.delete_selected(endpoint, prefix="v", max_delete=50, policy=TWICE, **options).done
    ),
}


@pytest.fixture(params=[*RUNS])
def run(request: pytest.FixtureRequest, server: DevServer, endpoint: Endpoint, tmp_path: Path) -> Run:
    """A run over 20 vectors."""
    fill(server, [f"v{n}" for n in range(20)])
    return partial(RUNS[request.param], endpoint, tmp_path / "files")


def refuse(server: DevServer, times: int, *, retry_after: str | None = None, command: str = "range") -> None:
    server.faults.add(Fault(kind="status", status=429, retry_after=retry_after, times=times, command=command))


def test_refusals_use_up_no_attempt(server: DevServer, run: Run) -> None:
    for command in ("range", "fetch", "query"):
        refuse(server, 7, command=command)
    assert run() == 20
    assert server.requests["range"] >= 8


def test_too_long_a_retry_after_ends_a_run(server: DevServer, run: Run) -> None:
    refuse(server, 100, retry_after="3600")
    with pytest.raises((RateLimited, RunFailed), match=r"the service asks for a wait of 3,600 s"):
        run()
    assert server.requests["range"] == 1


@pytest.mark.parametrize("command", ["info", "range"])
def test_a_run_that_is_held_can_be_cancelled(server: DevServer, run: Run, command: str) -> None:
    if command == "info":  # not all runs ask for it
        refuse(server, 2, retry_after="3", command="info")
    refuse(server, 100, retry_after="100")
    token = bulk.CancelToken()
    timer = threading.Timer(0.5, token.cancel)
    timer.start()
    with pytest.raises((RunFailed, Cancelled), match="cancelled"):
        run(cancel_token=token)
    assert server.requests[command] <= 1


@pytest.mark.parametrize("name", ["export", "copy", "sync", "update_where"])
def test_a_time_limit_ends_a_hold(server: DevServer, endpoint: Endpoint, tmp_path: Path, name: str) -> None:
    fill(server, ["v0"])
    refuse(server, 100, retry_after="100")
    with pytest.raises(RunFailed, match=r"the time limit of 0\.5 s has passed"):
        RUNS[name](endpoint, tmp_path, time_limit_seconds=0.5)


def paced(endpoint: Endpoint, use: Callable[[PacedClient], Any], **options: Any) -> Any:
    """Use a client, by default with one slot, within a minute."""

    async def main() -> Any:
        async with PacedClient(endpoint, **{"policy": TWICE, "max_connections": 1, **options}) as client:
            return await asyncio.wait_for(use(client), 60)

    return asyncio.run(main())


def test_a_refusal_holds_all_requests_and_counts_them(server: DevServer, endpoint: Endpoint) -> None:
    refuse(server, 1, retry_after="0.3", command="info")

    async def use(client: PacedClient) -> None:
        refused = asyncio.create_task(client.info())
        await asyncio.sleep(0)
        await client.list_namespaces()  # its turn is before that of the request sent again
        assert client.request_stats.throttled_seconds >= 0.299  # floats
        await refused
        assert (client.request_stats.requests, client.request_stats.retries) == (3, 1)
        assert client.request_stats.throttled_seconds < 60

    paced(endpoint, use)


def test_nothing_but_refusals_is_given_up(
    server: DevServer, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_reasons, "_MAX_THROTTLED_SECONDS", 0.1)
    refuse(server, 100, command="info")
    with pytest.raises(RateLimited, match=r"^info: 429 .*\(only 429 responses for \d s\)"):
        paced(endpoint, PacedClient.info)


def test_other_errors_use_up_attempts_but_no_time_of_holds(server: DevServer, endpoint: Endpoint) -> None:
    policy = replace(TWICE, total_timeout_seconds=2.0)
    down = Fault(kind="status", status=503, command="info")
    refuse(server, 1, retry_after="3", command="info")
    server.faults.add(down)
    paced(endpoint, PacedClient.info, policy=policy)
    server.faults.add(down)
    refuse(server, 6, command="info")
    server.faults.add(down)
    with pytest.raises(ServerError) as raised:
        paced(endpoint, PacedClient.info)
    assert raised.value.attempts == 2


def test_a_cancelled_request_leaves_its_slot(server: DevServer, endpoint: Endpoint) -> None:
    server.faults.add(Fault(kind="slow", seconds=50, command="info"))

    async def use(client: PacedClient) -> None:
        in_flight, waiting = (asyncio.create_task(client.run(wire.info())) for _ in range(2))
        while not server.requests["info"]:  # noqa: ASYNC110 - counted in another thread
            await asyncio.sleep(0.01)
        for task in (waiting, in_flight):
            task.cancel()
            await asyncio.wait([task])
        await client.info()

    paced(endpoint, use)


@pytest.mark.parametrize("iterations", range(4))
def test_a_request_that_is_cancelled_as_another_one_ends_is_not_sent(
    server: DevServer, endpoint: Endpoint, iterations: int
) -> None:
    server.faults.add(Fault(kind="slow", seconds=0.3, command="list-namespaces"))
    refuse(server, 100, retry_after="100", command="info")

    async def use(client: PacedClient) -> None:
        in_flight, held = asyncio.create_task(client.list_namespaces()), asyncio.create_task(client.info())
        await in_flight
        for _ in range(iterations):
            await asyncio.sleep(0)
        held.cancel()
        done, _ = await asyncio.wait([held], timeout=20)
        assert held in done

    paced(endpoint, use, max_connections=2)
    assert server.requests["info"] == 1


def test_a_request_that_alone_is_refused_is_given_up(
    server: DevServer, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_reasons, "_MAX_THROTTLED_SECONDS", 2.0)
    refuse(server, 1_000, command="info")

    async def use(client: PacedClient) -> None:
        refused = asyncio.create_task(client.info())
        while not refused.done():
            await client.list_namespaces()
        with pytest.raises(RateLimited, match=r"only 429 responses for \d s"):
            await refused

    paced(endpoint, use, max_connections=2)
    assert server.requests["info"] < 1_000


@pytest.mark.parametrize("status", [408, 425, 500])
def test_a_failing_proxy_is_no_response(server: DevServer, endpoint: Endpoint, status: int) -> None:
    server.faults.add(Fault(kind="status", status=status, command="info", times=2))

    async def use(client: PacedClient) -> None:
        with pytest.raises(ServerError):
            await client.info()
        assert client._throttle.worked_at is None

    paced(endpoint, use)
