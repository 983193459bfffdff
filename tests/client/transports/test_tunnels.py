"""Http1Transport through a proxy of the test: CONNECT, TLS inside it, faults of the proxy, cancelling, closing."""

from __future__ import annotations

import asyncio
import base64
import gc
import ssl
import warnings
from typing import Any

import pytest
import trustme

from airflow_provider_upstash_vector.client.errors import ConnectionFailed, ResponseLost
from airflow_provider_upstash_vector.client.proxies import Proxy
from airflow_provider_upstash_vector.client.transports.http1.connect import connect_request
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport
from airflow_provider_upstash_vector.client.transports.http1.tunnel import Tunnel
from tests.support.http1_peer import asynchronous, echo, responding, settings_for, until, with_body
from tests.support.raw_server import RawServer
from tests.support.secrecy import assert_no_secret
from tests.support.tunnel_proxy import ESTABLISHED, Respond, proxied, sending

AUTHORITY = trustme.CA()
ENCODED = base64.b64encode(b"us3r:p4ss-w0rd-of-the-proxy")


def server_tls(host: str, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


INDEX = server_tls("index.test")
PROXY = server_tls("localhost")


@pytest.fixture(scope="module", autouse=True)
def _trusted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.mark.parametrize("proxy_tls", [None, PROXY], ids=["http", "https"])
@asynchronous
async def test_many_requests_share_a_tunnel(proxy_tls: ssl.SSLContext | None) -> None:
    async with proxied(INDEX, proxy_tls=proxy_tls, max_connections=2) as (peer, proxy, transport):
        for size in (0, 10, 3_000_000, 10):
            bodies = [bytes([number]) * size for number in range(6)]
            responses = await asyncio.gather(*(transport.send("/update", body, 60) for body in bodies))
            assert [response.body for response in responses] == bodies
        assert peer.connections == len(proxy.requests) == 2
    head = b"CONNECT index.test:443 HTTP/1.1\r\nHost: index.test:443\r\nProxy-Authorization: Basic %b\r\n\r\n"
    assert proxy.requests == 2 * [head % ENCODED]


def test_the_target_of_an_ipv6_address_has_brackets() -> None:
    assert connect_request("::1", 8443, {}) == b"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"


@pytest.mark.parametrize(
    "response",
    [
        [b"HTTP/1.0 200 OK\r\n\r\n"],
        [b"HTTP/1.1 200\r\nContent-Length: 500\r\n\r\n"],
        [b"HTTP/1.1 299 Yes\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
        [bytes([byte]) for byte in b"HTTP/1.1 102 Processing\r\n\r\n" + ESTABLISHED],
    ],
)
@asynchronous
async def test_a_tunnel_is_established(response: list[bytes]) -> None:
    async with proxied(INDEX, sending(*response)) as (_, _, transport):
        for body in (b"a", b"b"):
            assert (await transport.send("/update", body, 60)).body == body


@pytest.mark.parametrize(
    ("response", "message", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required", "other"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 900\r\n\r\n<html>", "403 Forbidden", "other"),
        (b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 502\r\n\r\n", "502", "other"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "101 Switching", "other"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", "302 Found", "other"),
        (b"HTTP/1.1 407 p4ss-w0rd-of-the-proxy %b\r\n\r\n" % ENCODED, "407 *** ", "other"),
        (b"SSH-2.0-OpenSSH\r\n", "the response to CONNECT is not HTTP: Expected HTTP/", "other"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "the response to CONNECT is not HTTP: ", "other"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "the response headers are larger than 64 KB", "other"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 20_000, "the response headers are larger than 64 KB", "other"),
        (b"HTTP/1.1 200 " + b"y" * 100_000, "the response headers are larger than 64 KB", "other"),
        (ESTABLISHED + b"<html>not a tunnel</html>", "[SSL: ", "plain_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 407 No\r\n\r\n", "[SSL: ", "plain_http"),
        (ESTABLISHED + b"\x15\x03\x03\x00\x02\x02\x28", "[SSL: ", "tls"),
        (None, "the proxy closed the connection", "other"),
        (b"HTTP/1.1 20", "the proxy closed the connection", "other"),
        (ESTABLISHED, "the proxy closed the connection", "other"),
    ],
)
@asynchronous
async def test_a_proxy_that_fails(response: bytes | None, message: str, reason: str) -> None:
    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(response or b"")
        if response is None or "closed" in message:
            writer.write_eof()

    async with proxied(None, respond) as (_, proxy, transport):
        with pytest.raises(ConnectionFailed) as caught:
            await transport.send("/update", b"", 60)
        assert caught.value.message.startswith(
            f"cannot connect through the proxy http://127.0.0.1:{proxy.port}: {message}"
        )
        assert caught.value.reason == reason
        assert_no_secret(["p4ss-w0rd-of-the-proxy"], caught.value)
        await until(lambda: not proxy.writers)
        assert transport._free_slots == 1


@pytest.mark.parametrize(
    "respond",
    [
        sending(),
        sending(b"HTTP/1.1 200 ", *[b"y"] * 500, pause_seconds=0.05),
        sending(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 500, pause_seconds=0.05),
        sending(*[b"HTTP/1.1 100 Go\r\n\r\n"] * 500, pause_seconds=0.05),
        sending(ESTABLISHED),
        sending(ESTABLISHED, *[b"\x16\x03\x03\x40\x00"], *[b"\x02"] * 500, pause_seconds=0.05),
    ],
    ids=["silence", "a line", "headers", "interim responses", "silence after it", "a TLS record"],
)
@asynchronous
async def test_connecting_through_a_slow_proxy_ends_in_time(respond: Respond) -> None:
    async with proxied(None, respond, connect_timeout_seconds=0.2) as (_, proxy, transport):
        with pytest.raises(ConnectionFailed, match=r"proxy http://.*: no connection within 0\.2 s") as caught:
            await transport.send("/update", b"", 60)
        assert caught.value.reason == "timeout"
        await until(lambda: not proxy.writers)


ELSEWHERE = server_tls("elsewhere.test")
UNTRUSTED = server_tls("index.test", trustme.CA())


@pytest.mark.parametrize("proxy_tls", [None, PROXY], ids=["http", "https"])
@pytest.mark.parametrize("index_tls", [ELSEWHERE, UNTRUSTED], ids=["of another host", "untrusted"])
@asynchronous
async def test_the_certificate_of_the_index_is_verified(
    index_tls: ssl.SSLContext, proxy_tls: ssl.SSLContext | None
) -> None:
    async with proxied(index_tls, proxy_tls=proxy_tls) as (peer, proxy, transport):
        with pytest.raises(ConnectionFailed) as caught:
            await transport.send("/update", b"", 60)
        assert caught.value.reason == "certificate"
        assert peer.bodies == []
        await until(lambda: not proxy.writers)


@pytest.mark.parametrize("proxy_tls", [ELSEWHERE, server_tls("localhost", trustme.CA())])
@asynchronous
async def test_the_certificate_of_the_proxy_is_verified(proxy_tls: ssl.SSLContext) -> None:
    async with proxied(INDEX, proxy_tls=proxy_tls) as (_, proxy, transport):
        with pytest.raises(ConnectionFailed, match="through the proxy https://localhost") as caught:
            await transport.send("/update", b"", 60)
        assert caught.value.reason == "certificate"
        assert proxy.requests == []


@asynchronous
async def test_a_tunnel_that_drops_is_replaced() -> None:
    async with proxied(INDEX) as (peer, proxy, transport):
        for connections in (1, 2):
            assert (await transport.send("/update", b"a", 60)).body == b"a"
            assert peer.connections == connections
            proxy.cut()
            await until(lambda: not transport._open)


@pytest.mark.parametrize("proxy_tls", [None, PROXY], ids=["http", "https"])
@asynchronous
async def test_the_end_of_tls_completes_a_response_and_that_of_the_connection_does_not(
    proxy_tls: ssl.SSLContext | None,
) -> None:
    unsized = b"HTTP/1.1 200 OK\r\n\r\nall"
    async with proxied(INDEX, script=responding(unsized, close=True), proxy_tls=proxy_tls) as (_, _, transport):
        assert (await transport.send("/update", b"", 60)).body == b"all"
    async with proxied(INDEX, script=responding(unsized), proxy_tls=proxy_tls) as (_, proxy, transport):
        waiting = asyncio.create_task(transport.send("/update", b"", 60))
        await until(lambda: any(connection._status for connection in transport._open))
        proxy.cut()
        with pytest.raises(ResponseLost, match="the connection broke"):
            await waiting


@asynchronous
async def test_bytes_that_the_proxy_alters_break_the_connection() -> None:
    async with proxied(INDEX) as (peer, proxy, transport):
        await transport.send("/update", b"a", 60)
        proxy.alter = lambda data: data[:-1] + bytes([data[-1] ^ 1])
        with pytest.raises(ResponseLost, match=r"the connection broke: \[SSL"):
            await transport.send("/update", b"b", 60)
        await until(lambda: not proxy.writers)
        proxy.alter = bytes
        assert (await transport.send("/update", b"c", 60)).body == b"c"
        assert peer.connections == 2


@asynchronous
async def test_bytes_of_the_index_without_a_request_close_the_tunnel() -> None:
    writers: list[asyncio.StreamWriter] = []

    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await echo(body, writer)

    async with proxied(INDEX, script=script) as (peer, _, transport):
        await transport.send("/update", b"a", 60)
        writers[0].write(with_body(b"unasked"))
        await until(lambda: not transport._open)
        assert (await transport.send("/update", b"b", 60)).body == b"b"
        assert peer.connections == 2


@asynchronous
async def test_a_request_that_cannot_be_encrypted_ends() -> None:
    async with proxied(INDEX) as (_, _, transport):
        await transport.send("/update", b"", 60)
        (connection,) = transport._open
        tunnel: Any = connection._transport
        assert isinstance(tunnel, Tunnel)
        tunnel._tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="x")
        with pytest.raises(ResponseLost, match="the connection broke"):
            await transport.send("/update", b"", 60)
        assert connection not in transport._open


@pytest.mark.parametrize("proxy_tls", [None, PROXY], ids=["http", "https"])
@pytest.mark.parametrize("closes", [False, True], ids=["cancel", "close"])
@pytest.mark.parametrize("response", [b"", b"HTTP/1.1 2", ESTABLISHED, ESTABLISHED + b"\x16\x03\x03\x40\x00\x02"])
def test_an_attempt_that_ends_early_leaves_nothing_open(
    response: bytes,
    closes: bool,
    proxy_tls: ssl.SSLContext | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[Any] = []

    async def use() -> None:
        async with proxied(None, sending(response), proxy_tls=proxy_tls) as (_, proxy, transport):
            sent = asyncio.create_task(transport.send("/update", b"", 60))
            await until(lambda: len(proxy.requests) == 1)
            await asyncio.sleep(0.01)  # the response arrives, in most runs
            if closes:
                await transport.close()
            else:
                sent.cancel()
            (outcome,) = await asyncio.gather(sent, return_exceptions=True)
            assert isinstance(outcome, ConnectionFailed if closes else asyncio.CancelledError)
            await transport.close()
            assert not transport._connecting
            assert transport._free_slots == 1
            await until(lambda: not proxy.writers)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: logged.append(context))
    gc.collect()  # of other tests
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        monkeypatch.setattr("sys.unraisablehook", logged.append)
        loop.run_until_complete(asyncio.wait_for(use(), 60))
        loop.close()
        gc.collect()
    assert logged == []


@pytest.mark.parametrize("cancelled", [False, True], ids=["closed", "cancelled"])
def test_a_loop_can_be_closed_after_a_client_that_was_connecting(cancelled: bool, monkeypatch: Any) -> None:
    left: list[Any] = []
    loop = asyncio.new_event_loop()
    gc.collect()  # of other tests
    with RawServer(lambda *_: None) as silent, warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        monkeypatch.setattr("sys.unraisablehook", left.append)

        async def opened() -> Http1Transport:
            proxy = Proxy(f"http://127.0.0.1:{silent.port}")
            return Http1Transport(settings_for("https://index.test", proxy=proxy, connect_timeout_seconds=60))

        transport = loop.run_until_complete(opened())
        sent = loop.create_task(transport.send("/update", b"", 60))
        loop.run_until_complete(until(lambda: len(silent.requests) == 1))
        if cancelled:
            sent.cancel()
        loop.run_until_complete(transport.close())
        loop.close()
        assert sent.cancelled() if cancelled else isinstance(sent.exception(), ConnectionFailed)
        del sent, transport
        gc.collect()
    assert left == []


@asynchronous
async def test_no_request_of_the_transport_shows_the_token_or_the_proxys_credentials_to_the_other() -> None:
    heads: list[bytes] = []
    async with proxied(INDEX) as (peer, proxy, transport):

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append((await reader.readuntil(b"\r\n\r\n")).lower())
            await echo(b"", writer)

        peer.serve = serve  # type: ignore[method-assign]
        await transport.send("/update", b"", 60)
        assert b"t0k3n" not in proxy.requests[0]
        assert b"authorization: bearer t0k3n\r\n" in heads[0]
        assert b"proxy" not in heads[0]
