"""All transports with malformed, slow and oversized responses."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import replace

import pytest

from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    InvalidResponse,
    ResponseLost,
    ResponseTimeout,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.transports.base import MAX_RESPONSE_BYTES
from tests.support.index_fixtures import QUICK, ClientOfEither
from tests.support.raw_server import RawServer, Script, http_response
from tests.support.transport_clients import CHANGE, ONCE, client_of, responding

# Linux lets the receive buffer of a connection grow to 32 MB if the reader is slow
_BUFFERS = 48 * 1024 * 1024


def dripping(start: bytes, byte: bytes, *, pause_seconds: float = 0.05, times: int = 1_200) -> Script:
    def script(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(start)
        for _ in range(times):
            connection.sendall(byte)
            time.sleep(pause_seconds)

    return script


def test_the_request_as_it_is_sent(transport: str) -> None:
    with RawServer(responding(http_response())) as server, client_of(transport, server) as client:
        assert client.update(CHANGE, "a/b") == 1
    (request,) = server.requests
    head, body = request.split(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert request.startswith(b"POST /update/a%2Fb HTTP/1.1\r\n")
    assert body == b'{"id":"a","data":"x"}'
    for line in [
        b"authorization: bearer t0k3n",
        b"content-type: application/json",
        b"accept-encoding: identity",
        b"host: localhost:%d" % server.port,
    ]:
        assert line in lines


def test_one_response_takes_one_request(transport: str) -> None:
    with RawServer(responding(http_response())) as server, client_of(transport, server, QUICK) as client:
        client.update(CHANGE)
        time.sleep(0.1)
    assert len(server.requests) == 1


def test_a_request_is_sent_again_after_a_lost_response(transport: str) -> None:
    def first_is_lost(connection: socket.socket, _: bytes) -> None:
        if len(server.requests) > 1:
            connection.sendall(http_response())
        else:
            connection.close()

    with RawServer(first_is_lost) as server, client_of(transport, server, QUICK) as client:
        assert client.update(CHANGE) == 1
    assert len(server.requests) == 2


def reset_connection(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    "script",
    [
        reset_connection,
        lambda connection, _: connection.close(),
        lambda connection, _: (connection.sendall(http_response()[:-3]), connection.close()),
        lambda connection, _: (connection.sendall(b"SSH-2.0-OpenSSH_9\r\n\r\n"), connection.close()),
    ],
    ids=["reset", "closed", "half a response", "not HTTP"],
)
def test_a_broken_connection_raises_response_lost(transport: str, script: Script) -> None:
    with (
        RawServer(script) as server,
        client_of(transport, server) as client,
        pytest.raises(ResponseLost) as caught,
    ):
        client.update(CHANGE, "ns")
    assert str(caught.value).startswith("update of 'a' in namespace 'ns': the connection broke: ")
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (lambda *_: time.sleep(3), ResponseTimeout),
        (
            dripping(b"", b"H"),
            (ResponseTimeout, ResponseLost),
        ),  # h11 waits for the line, llhttp sees no HTTP in it
        (dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"), ResponseTimeout),
        (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause_seconds=0.0005, times=120_000), ResponseTimeout),
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"), ResponseTimeout),
        (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), ResponseTimeout),
    ],
    ids=["silent", "status line", "headers", "steady", "body", "chunks"],
)
def test_an_endless_slow_response_times_out(
    transport: str, script: Script, expected: type[Exception] | tuple[type[Exception], ...]
) -> None:
    with RawServer(script) as server, client_of(transport, server) as client:
        started = time.monotonic()
        with pytest.raises(expected):
            client.update(CHANGE)
        assert time.monotonic() - started < 30  # the script continues for 60 s


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(transport: str, status: str) -> None:
    with RawServer(responding(http_response())) as target:
        moved = http_response(b"", status, f"Location: {target.url}/update")
        with (
            RawServer(responding(moved)) as server,
            client_of(transport, server) as client,
            pytest.raises(ApiError) as caught,
        ):
            client.update(CHANGE)
        assert target.requests == []
    assert caught.value.status == int(status[:3])
    assert "which is not followed" in str(caught.value)


def huge(connection: socket.socket, counted: list[int], head: bytes, chunk: bytes) -> None:
    connection.sendall(head)
    try:
        while True:
            connection.sendall(chunk)
            counted[0] += len(chunk)
    except OSError:
        return


@pytest.mark.parametrize(
    ("head", "chunk", "most"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x" * 65536, 8 * 1024 * 1024),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, MAX_RESPONSE_BYTES + _BUFFERS),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b"x" * 65536 + b"\r\n",
            MAX_RESPONSE_BYTES + _BUFFERS,
        ),
    ],
    ids=["announced", "until closed", "chunked"],
)
def test_no_more_than_16_mb_are_read(transport: str, head: bytes, chunk: bytes, most: int) -> None:
    counted = [0]
    policy = replace(ONCE, request_timeout_seconds=30.0)
    with RawServer(lambda connection, _: huge(connection, counted, head, chunk)) as server:
        with (
            client_of(transport, server, policy) as client,
            pytest.raises(InvalidResponse, match="larger than 16 MB"),
        ):
            client.update(CHANGE)
        time.sleep(0.2)
    assert counted[0] < most  # what was read, and what socket buffers hold


def test_a_response_of_16_mb_is_read(transport: str) -> None:
    start, end = b'{"result": {"updated": 1}, "rest": "', b'"}'
    body = start + b"x" * (MAX_RESPONSE_BYTES - len(start + end)) + end
    policy = replace(ONCE, request_timeout_seconds=30.0)
    with RawServer(responding(http_response(body))) as server, client_of(transport, server, policy) as client:
        assert client.update(CHANGE) == 1


def test_a_chunked_response_is_read(transport: str) -> None:
    body = http_response().partition(b"\r\n\r\n")[2]
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with RawServer(responding(chunked)) as server, client_of(transport, server) as client:
        assert client.update(CHANGE) == 1


@pytest.mark.parametrize(
    "response",
    [
        http_response(b'{"error": "' + b"x" * 280 + b'{token}"}', "401 Unauthorized"),
        http_response(b"", "301 Moved", "Location: https://elsewhere/?{token}"),
        http_response(b"you sent {token}", "200 OK"),
        b"HTTP/1.1 200 OK\r\n{token}\r\n\r\n",
        b"SSH-2.0-{token}\r\n\r\n",
    ],
    ids=["at the cut", "location", "garbage", "bad header", "not HTTP"],
)
def test_an_echoed_token_is_not_shown(transport: str, response: bytes) -> None:
    token = "a-token-of-some-length-" + "0123456789" * 3

    def echo(connection: socket.socket, _: bytes) -> None:
        connection.sendall(response.replace(b"{token}", token.encode()))
        connection.close()

    with RawServer(echo) as server:
        either = ClientOfEither(transport, Endpoint.of(server.url, token), ONCE)
        with pytest.raises(UpstashVectorError) as caught:
            either.update(CHANGE)
        shown = repr(either.client.__dict__)
        either.end()
    error: BaseException | None = caught.value
    while error is not None:
        shown += f"{error!r} {error} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__
    assert token[:20] not in shown.replace(repr(token), "")  # the client itself holds it


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000,
        b"HTTP/1.1 301 Moved\r\nLocation: \xff\xfe",
        b"HTTP/1.1 503 Busy\r\nRetry-After: Tue, 31 Mar 99999999999 12:00:00 GMT",
        b"HTTP/1.1 503 Busy\r\nRetry-After: Tue, 31 Mar 2026 12:00:00 +9999999",
    ],
)
def test_invalid_headers_raise_an_error_of_the_tree(transport: str, head: bytes) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head + b"\r\n\r\n")
        connection.close()

    with RawServer(script) as server, client_of(transport, server) as client, pytest.raises(UpstashVectorError):
        client.update(CHANGE)


def test_a_compressed_response_is_not_decompressed(transport: str) -> None:
    response = http_response(b"\x1f\x8b\x08bomb", "200 OK", "Content-Encoding: gzip")
    with (
        RawServer(responding(response)) as server,
        client_of(transport, server) as client,
        pytest.raises(InvalidResponse, match="is not JSON"),
    ):
        client.update(CHANGE)


def test_closing_twice_is_allowed(transport: str) -> None:
    with RawServer(responding(http_response())) as server, client_of(transport, server) as client:
        client.update(CHANGE)
        client.close()
        client.close()
