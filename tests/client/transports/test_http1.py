"""Http1Transport's connections: their number and order, time limits, cancelling, closing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import time
import warnings
from dataclasses import replace
from typing import Any

import pytest
import trustme

from airflow_provider_upstash_vector.client.errors import ConnectionFailed, ResponseLost, ResponseTimeout
from airflow_provider_upstash_vector.client.transports.http1 import connection as http1_connection
from airflow_provider_upstash_vector.client.transports.http1 import transport as http1_transport
from airflow_provider_upstash_vector.client.transports.http1.connection import Http1Connection
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport
from tests.support.http1_peer import Peer, asynchronous, echo, peer_of, settings_for, until


async def never(_: bytes, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def echo_but_silence(body: bytes, writer: asyncio.StreamWriter) -> None:
    """Respond to every body but ``silence``."""
    if body != b"silence":
        await echo(body, writer)


async def slow_echo(body: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.01)
    await echo(body, writer)


@asynchronous
async def test_512_requests_over_512_connections_and_one_name_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    all_there = asyncio.Event()
    resolutions = 0

    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        if len(peer.bodies) == 512:
            all_there.set()
        await all_there.wait()
        await echo(body, writer)

    found = socket.getaddrinfo

    def resolve(*args: Any, **options: Any) -> Any:
        nonlocal resolutions
        resolutions += 1
        return found(*args, **options)

    async with peer_of(script, max_connections=512) as (peer, transport):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        for _ in range(2):
            responses = await asyncio.gather(*(transport.send("/update", b"%d" % n, 30) for n in range(512)))
            assert [response.body for response in responses] == [b"%d" % n for n in range(512)]
        assert peer.connections == 512
        assert resolutions == 1


@asynchronous
async def test_requests_over_the_limit_wait_for_a_slot() -> None:
    async with peer_of(slow_echo, max_connections=3) as (peer, transport):
        bodies = [b"%02d" % number for number in range(30)]
        await asyncio.gather(*(transport.send("/update", body, 5) for body in bodies))
        assert peer.connections == 3
        # three are in flight at a time, in any order
        assert all(abs(peer.bodies.index(body) - place) < 3 for place, body in enumerate(bodies))


@asynchronous
async def test_the_last_used_connection_is_used_first() -> None:
    async with peer_of(slow_echo) as (peer, transport):
        await asyncio.gather(*(transport.send("/update", b"", 5) for _ in range(3)))
        *others, last = transport._idle
        for _ in range(5):
            await transport.send("/update", b"", 5)
        assert transport._idle == [*others, last]
        assert peer.connections == 3


@asynchronous
async def test_waiting_for_a_slot_times_out_and_leaks_no_slot() -> None:
    async with peer_of(echo_but_silence, max_connections=1) as (peer, transport):
        silent = asyncio.create_task(transport.send("/update", b"silence", 0.5))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(transport.send("/update", b"patient", 5))
        with pytest.raises(ConnectionFailed, match="no connection became free in time") as caught:
            await transport.send("/update", b"hurried", 0.1)
        assert caught.value.reason == "timeout"
        with pytest.raises(ResponseTimeout, match=r"no complete response within 0\.5 s"):
            await silent
        assert (await waiting).body == b"patient"
        assert peer.bodies == [b"silence", b"patient"]


@asynchronous
async def test_a_slow_response_ends_at_its_own_deadline_after_fast_ones() -> None:
    async with peer_of(echo_but_silence) as (peer, transport):
        for first, second in [(0.2, 0.5), (30.0, 0.2)]:  # the timer is set too early, and too late
            await transport.send("/update", b"fast", first)
            started = time.monotonic()
            with pytest.raises(ResponseTimeout):
                await transport.send("/update", b"silence", second)
            assert second - 0.05 <= time.monotonic() - started < 20
        assert peer.connections == 2


@asynchronous
async def test_one_timer_serves_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    armed = []
    call_at = asyncio.BaseEventLoop.call_at

    def count(self: asyncio.BaseEventLoop, when: float, callback: Any, *args: Any, **options: Any) -> Any:
        armed.append(callback)
        return call_at(self, when, callback, *args, **options)

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_at", count)
    async with peer_of(echo) as (_, transport):
        await transport.send("/update", b"", 30)
        armed.clear()
        for _ in range(200):
            await transport.send("/update", b"", 30)
    assert len(armed) < 5


@asynchronous
async def test_an_idle_connection_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1_connection, "KEEP_ALIVE_SECONDS", 0.1)
    async with peer_of(echo) as (peer, transport):
        await transport.send("/update", b"", 5)
        assert peer.connections == 1
        await until(lambda: peer.open == 0)
        await transport.send("/update", b"", 5)
        time.sleep(0.3)  # noqa: ASYNC251 - the loop is busy, so that no timer fires
        await transport.send("/update", b"", 5)
        assert peer.connections == 3


@asynchronous
async def test_a_connection_that_the_server_closes_while_idle_is_not_used() -> None:
    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        await echo(body, writer)
        asyncio.get_running_loop().call_later(0.01, writer.close)

    async with peer_of(script) as (peer, transport):
        for number in range(3):
            await transport.send("/update", b"", 5)
            await until(lambda: not transport._open)
            assert peer.connections == number + 1


async def unreachable() -> tuple[socket.socket, list[socket.socket]]:
    """Return a listener that accepts no connection, because its backlog is full."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    others = []
    for _ in range(4):
        other = socket.socket()
        other.setblocking(False)
        other.connect_ex(listener.getsockname())
        others.append(other)
    return listener, others


@asynchronous
async def test_a_cancelled_request_releases_its_slot() -> None:
    async with peer_of(echo_but_silence, max_connections=1) as (peer, transport):
        connecting = asyncio.create_task(transport.send("/update", b"connecting", 5))
        await asyncio.sleep(0)
        reading = asyncio.create_task(transport.send("/update", b"silence", 5))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(transport.send("/update", b"waiting", 5))
        last = asyncio.create_task(transport.send("/update", b"last", 5))
        await asyncio.sleep(0)
        connecting.cancel()
        waiting.cancel()
        await peer.asked.wait()
        reading.cancel()
        assert (await last).body == b"last"
        assert peer.bodies == [b"silence", b"last"]
        assert [connecting.cancelled(), waiting.cancelled(), reading.cancelled()] == [True] * 3
        await until(lambda: (peer.open, transport._free_slots, len(transport._open)) == (1, 1, 1))


@asynchronous
async def test_a_request_cancelled_when_it_gets_a_slot_passes_it_on() -> None:
    async with peer_of(echo, max_connections=1) as (_, transport):
        transport._free_slots = 0  # as with a request in flight
        cancelled, other = (asyncio.create_task(transport.send("/update", body, 5)) for body in (b"a", b"b"))
        await asyncio.sleep(0)
        transport._release_slot()
        cancelled.cancel()
        assert (await other).body == b"b"
        assert cancelled.cancelled()
        assert transport._free_slots == 1


@asynchronous
async def test_a_request_cancelled_when_it_is_connected_closes_the_connection() -> None:
    async with peer_of(echo, max_connections=1) as (peer, transport):
        connect = transport._connector.connect
        made: list[Any] = []

        async def connect_and_cancel() -> Any:
            made.append(await connect())
            asyncio.get_running_loop().call_soon(sending.cancel)
            return made[0]

        transport._connector.connect = connect_and_cancel  # type: ignore[method-assign]
        sending = asyncio.create_task(transport.send("/update", b"", 5))
        with pytest.raises(asyncio.CancelledError):
            await sending
        transport._connector.connect = connect  # type: ignore[method-assign]
        assert not made[0].reusable
        await transport.send("/update", b"next", 5)
        assert peer.bodies == [b"next"]


@asynchronous
async def test_a_request_cancelled_when_connecting_has_failed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        transport = Http1Transport(settings_for(f"http://127.0.0.1:{taken.getsockname()[1]}", max_connections=1))
        connect = transport._connector.connect

        async def connect_and_cancel() -> Http1Connection | ConnectionFailed:
            failed = await connect()
            asyncio.get_running_loop().call_soon(sending.cancel)
            return failed

        transport._connector.connect = connect_and_cancel  # type: ignore[method-assign]
        sending = asyncio.create_task(transport.send("/update", b"", 5))
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert transport._free_slots == 1
        await transport.close()


@asynchronous
async def test_a_connection_lost_before_the_request_raises_connection_failed() -> None:
    async with peer_of(echo) as (peer, transport):
        connect = transport._connector.connect

        async def connect_and_lose() -> Http1Connection | ConnectionFailed:
            made = await connect()
            assert isinstance(made, Http1Connection)
            made.connection_lost(None)
            return made

        transport._connector.connect = connect_and_lose  # type: ignore[method-assign]
        with pytest.raises(ConnectionFailed, match="closed immediately"):
            await transport.send("/update", b"", 5)
        assert peer.bodies == []


@asynchronous
async def test_a_name_resolution_is_shared_and_its_failure_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    resolutions = 0
    found = socket.getaddrinfo

    def resolve(_: Any, *args: Any, **options: Any) -> Any:
        nonlocal resolutions
        resolutions += 1
        time.sleep(0.05)
        if resolutions == 1:
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return found("127.0.0.1", *args, **options)

    async with peer_of(echo, max_connections=20) as (peer, _):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        transport = Http1Transport(settings_for(f"http://index.test:{peer.port}"))
        failures = await asyncio.gather(*(transport.send("/", b"", 5) for _ in range(8)), return_exceptions=True)
        assert [getattr(failure, "reason", failure) for failure in failures] == ["dns"] * 8
        cancelled = asyncio.create_task(transport.send("/", b"", 5))
        await asyncio.sleep(0.02)
        others = [asyncio.create_task(transport.send("/", b"", 5)) for _ in range(7)]
        await asyncio.sleep(0)
        cancelled.cancel()  # which started the name resolution that the others wait for
        await asyncio.gather(*others)
        assert (resolutions, cancelled.cancelled()) == (2, True)
        await transport.close()


@asynchronous
async def test_connecting_ends_in_time() -> None:
    listener, others = await unreachable()
    with listener, contextlib.ExitStack() as stack:
        for other in others:
            stack.enter_context(other)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        transport = Http1Transport(settings_for(url, max_connections=1, connect_timeout_seconds=0.2))
        for timeout_seconds in (5, 0.1):
            with pytest.raises(ConnectionFailed, match=r"no connection within 0\.\d+ s") as caught:
                await transport.send("/update", b"", timeout_seconds)
            assert caught.value.reason == "timeout"
        await transport.close()


@asynchronous
async def test_closing_ends_all_requests_in_flight() -> None:
    listener, others = await unreachable()
    with listener, contextlib.ExitStack() as stack:
        for other in others:
            stack.enter_context(other)
        async with peer_of(never, max_connections=1) as (peer, transport):
            sending = [asyncio.create_task(transport.send("/update", b"", 5)) for _ in range(3)]
            await peer.asked.wait()
            sending[2].cancel()
            elsewhere = Http1Transport(settings_for(f"http://127.0.0.1:{listener.getsockname()[1]}"))
            connecting = asyncio.create_task(elsewhere.send("/update", b"", 5))
            await asyncio.sleep(0.05)
            for closing in (transport, elsewhere, transport):
                await closing.close()
            outcomes = await asyncio.gather(*sending[:2], connecting, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [ResponseLost, ConnectionFailed, ConnectionFailed]
            assert sending[2].cancelled()
            assert all("the client was closed" in str(outcome) for outcome in outcomes)
            with pytest.raises(ConnectionFailed, match="the client was closed"):
                await transport.send("/update", b"", 5)


@asynchronous
async def test_closing_cancels_a_name_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        time.sleep(0.1)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    transport = Http1Transport(settings_for("http://index.test"))
    sending = asyncio.create_task(transport.send("/update", b"", 5))
    await asyncio.sleep(0.01)
    await transport.close()
    with pytest.raises(ConnectionFailed, match="the client was closed"):
        await sending


def test_nothing_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        async with peer_of(slow_echo) as (_, transport):
            await asyncio.gather(*(transport.send("/update", b"", 5) for _ in range(20)))
            cancelled = asyncio.create_task(transport.send("/update", b"", 5))
            await asyncio.sleep(0.005)
            cancelled.cancel()
        await asyncio.sleep(0.05)

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        unraisable: list[object] = []
        gc.collect()  # of other tests
        monkeypatch.setattr("sys.unraisablehook", unraisable.append)
        asyncio.run(use())
        gc.collect()
    assert unraisable == []


@pytest.fixture
def tls(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose authority is trusted."""
    authority = trustme.CA()
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_connections_over_tls_are_kept_and_closed(tls: ssl.SSLContext) -> None:
    async def use() -> Peer:
        async with peer_of(echo, tls=tls, max_connections=2) as (peer, transport):
            for size in (0, 10, 1_000_000, 10):
                bodies = [bytes([number]) * size for number in range(6)]
                responses = await asyncio.gather(*(transport.send("/update", body, 20) for body in bodies))
                assert [response.body for response in responses] == bodies
            assert peer.connections == 2
        return peer

    assert len(asyncio.run(use()).bodies) == 24


@pytest.mark.parametrize("path", ["update", "/a b", "/a\r\nX: y", "/ü", "/\x7f"])
def test_an_invalid_path_is_rejected(path: str) -> None:
    async def use() -> None:
        async with peer_of(echo, max_connections=1) as (peer, transport):
            with pytest.raises(ValueError, match="invalid request path"):
                await transport.send(path, b"", 5)
            await transport.send("/update", b"", 5)
            assert len(peer.bodies) == 1

    asyncio.run(use())


@asynchronous
async def test_few_paths_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1_transport, "_MAX_HEADS", 3)
    async with peer_of(echo) as (_, transport):
        for number in range(10):
            await transport.send(f"/update/{number}", b"", 5)
            assert 1 <= len(transport._heads) <= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_connections": 0}, "max_connections must be at least 1"),
        ({"headers": {"Authorization": "Bearer a\r\nX: b"}}, "invalid header: 'Authorization'"),
        ({"headers": {"A:b": "c"}}, "invalid header: 'A:b'"),
        ({"headers": {"A": "ü"}}, "invalid header: 'A'"),
    ],
)
@asynchronous
async def test_unusable_settings_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Http1Transport(replace(settings_for("http://index.test"), **options))


@asynchronous
async def test_a_base_url_with_a_path() -> None:
    async with peer_of(echo) as (peer, _):
        transport = Http1Transport(settings_for(f"http://127.0.0.1:{peer.port}/index"))
        assert (
            transport._head("/update")
            .with_body(b"")
            .startswith(b"POST /index/update HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % peer.port)
        )
        assert (await transport.send("/update", b"a", 5)).body == b"a"
        await transport.close()
