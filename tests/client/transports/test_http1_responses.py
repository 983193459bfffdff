"""Http1Transport reading responses: where they end, and whether the connection is reused."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from airflow_provider_upstash_vector.client.errors import InvalidResponse, ResponseLost, UpstashVectorError
from airflow_provider_upstash_vector.client.transports.base import MAX_RESPONSE_BYTES
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport
from airflow_provider_upstash_vector.client.wire import Response
from tests.support.http1_peer import Peer, Script, echo, peer_of, responding, until, with_body

Ask = Callable[[Peer, Http1Transport], Awaitable[None]]


def played(script: Script, ask: Ask) -> Peer:
    """Run ``ask`` with a peer that runs ``script``; return the peer."""

    async def play() -> Peer:
        async with peer_of(script) as (peer, transport):
            await ask(peer, transport)
        return peer

    return asyncio.run(play())


def response_to(script: Script) -> Response:
    responses = []

    async def ask(_: Peer, transport: Http1Transport) -> None:
        responses.append(await transport.send("/update", b"asked", 5))

    played(script, ask)
    return responses[0]


def in_segments(*segments: bytes) -> Script:
    async def script(_: bytes, writer: asyncio.StreamWriter) -> None:
        for segment in segments:
            writer.write(segment)
            await asyncio.sleep(0.001)

    return script


BYTE_BY_BYTE = [
    bytes([byte])
    for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n3;x=y\r\nbcd\r\n0\r\nT: x\r\n\r\n"
]


@pytest.mark.parametrize(
    ("script", "status", "body"),
    [
        (in_segments(*BYTE_BY_BYTE), 200, b"abcd"),
        (in_segments(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"a", b"b", b"cd"), 200, b"abcd"),
        (
            in_segments(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", with_body(b"a")),
            200,
            b"a",
        ),
        (responding(b"HTTP/1.1 102 Processing\r\n\r\n" + with_body(b"a")), 200, b"a"),
        (responding(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b""),
        (responding(b"HTTP/1.1 503 Busy\r\n\r\nto the end", close=True), 503, b"to the end"),
        (responding(b"HTTP/1.1 200 OK\r\n\r\n", close=True), 200, b""),
        (responding(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"), 200, b"a"),
        (responding(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nother"), 101, b""),
    ],
    ids=["byte by byte", "pieces", "interim", "interim at once", "204", "until closed", "empty", "1.0", "101"],
)
def test_a_response_is_read_to_its_end(script: Script, status: int, body: bytes) -> None:
    response = response_to(script)
    assert (response.status, response.body) == (status, body)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"", "the server closed it"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the server closed it"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "the server closed it"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "the server closed it"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", "the server closed it"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the server closed it"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Content-Length"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding",
        ),
        (b"220 mail.test ESMTP\r\n", "HTTP"),
    ],
    ids=["nothing", "head", "body", "chunk", "unknown coding", "interim", "two lengths", "two ways", "not HTTP"],
)
def test_an_unreadable_response_raises_response_lost(response: bytes, reason: str) -> None:
    with pytest.raises(ResponseLost, match=f"^the connection broke: .*{reason}") as caught:
        response_to(responding(response, close=True))
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    "segment",
    [b"X-Filler: " + b"x" * 1000 + b"\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"],
    ids=["fields", "interim"],
)
def test_endless_headers_are_cut_off(segment: bytes) -> None:
    async def script(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n")
        writer.write(b"\r\n" if segment.startswith(b"HTTP") else b"")
        while not writer.is_closing():
            writer.write(segment)
            await writer.drain()

    with pytest.raises(ResponseLost, match="headers are larger than 64 KB"):
        response_to(script)


def test_a_last_segment_over_the_limit_is_rejected() -> None:
    body = b"x" * (MAX_RESPONSE_BYTES + 1)
    with pytest.raises(InvalidResponse, match="larger than 16 MB"):
        response_to(
            responding(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            )
        )


def test_headers_by_names_in_any_case() -> None:
    response = response_to(
        responding(
            b"HTTP/1.1 103 Early Hints\r\nLink: no\r\n\r\n"
            + with_body(b"", "Retry-After: 7", "RETRY-AFTER: 8", "Location: /caf\xe9", status="503 Busy")
            + b"HTTP/1.1 200 OK\r\nLink: no\r\n\r\n"
        )
    )
    assert response.headers["Retry-After"] == response.headers.get("retry-after") == "7"
    assert dict(response.headers.items()) == {"content-length": "0", "retry-after": "7", "location": "/cafÃ©"}
    assert len(response.headers) == 3
    assert "link" not in response.headers


SURPLUS = [b"?", b"HTTP/1.1 5", with_body(b"second", status="500 Error"), with_body(b"second") * 2 + b"H"]


@pytest.mark.parametrize("surplus", SURPLUS)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "while idle"])
def test_bytes_after_a_response_are_not_a_response(surplus: bytes, *, late: bool) -> None:
    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(with_body(body) + (b"" if late else surplus))
        if late:
            await asyncio.sleep(0.01)
            writer.write(surplus)

    async def ask(peer: Peer, transport: Http1Transport) -> None:
        for body in (b"1", b"2", b"3"):
            response = await transport.send("/update", body, 5)
            assert (response.status, response.body) == (200, body)
            if late:
                await until(lambda: not transport._open)
            await asyncio.sleep(0)
        assert peer.connections == 3

    played(script, ask)


@pytest.mark.parametrize(
    ("response", "close", "connections"),
    [
        (with_body(b"a"), False, 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + with_body(b"a"), False, 1),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", False, 1),
        (with_body(b"a", "Connection: close"), False, 3),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\na", False, 3),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", False, 3),
        (b"HTTP/1.1 200 OK\r\n\r\na", True, 3),
    ],
    ids=["kept", "204", "interim", "1.0 kept", "close", "204 with a body", "1.0", "until closed"],
)
def test_whether_a_connection_is_used_again(response: bytes, *, close: bool, connections: int) -> None:
    async def ask(peer: Peer, transport: Http1Transport) -> None:
        for _ in range(3):
            assert (await transport.send("/update", b"", 5)).body in {b"", b"a"}
        assert peer.connections == connections

    played(responding(response, close=close), ask)


def test_a_connection_is_not_reused_if_the_response_came_before_the_request_was_read() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(with_body(b"too large", status="413 Payload Too Large"))
        await asyncio.sleep(0.2)

    async def ask(peer: Peer, transport: Http1Transport) -> None:
        peer.serve, read_all = early, peer.serve  # type: ignore[method-assign]  # for the first connection only
        response = await transport.send("/upsert", b"x" * 30_000_000, 5)
        assert (response.status, response.body) == (413, b"too large")
        peer.serve = read_all  # type: ignore[method-assign]
        assert (await transport.send("/upsert", b"small", 5)).body == b"small"

    assert played(echo, ask).connections == 1  # `early` does not count


def test_a_reused_connection_closed_without_a_response_raises_response_lost() -> None:
    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        if body == b"2":
            writer.close()
        else:
            await echo(body, writer)

    async def ask(peer: Peer, transport: Http1Transport) -> None:
        await transport.send("/update", b"1", 5)
        with pytest.raises(ResponseLost, match="the server closed it"):
            await transport.send("/update", b"2", 5)
        await transport.send("/update", b"3", 5)
        assert (peer.bodies, peer.connections) == ([b"1", b"2", b"3"], 2)

    played(script, ask)


def test_a_server_that_closes_after_a_thousand_requests() -> None:
    served: dict[asyncio.StreamWriter, int] = {}

    async def script(body: bytes, writer: asyncio.StreamWriter) -> None:
        served[writer] = served.get(writer, 0) + 1
        last = served[writer] == 1000
        writer.write(with_body(body, *(["Connection: close"] if last else [])))
        if last:
            writer.close()

    async def ask(peer: Peer, transport: Http1Transport) -> None:
        for number in range(2500):
            body = b"%d" % number
            assert (await transport.send("/update", body, 5)).body == body
        assert peer.connections == 3

    played(script, ask)


def test_a_reset_connection_raises_response_lost() -> None:
    async def script(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nbody")  # what is reset was not closed
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    with pytest.raises(UpstashVectorError, match="the connection broke"):
        response_to(script)
