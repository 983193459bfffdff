"""How transports connect: addresses, TLS, keep-alive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme

from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    ResponseLost,
    ResponseTimeout,
)
from airflow_provider_upstash_vector.client.transports import base, httpx
from airflow_provider_upstash_vector.client.transports.http1.transport import Http1Transport
from tests.support.bulk_runs import PATIENT
from tests.support.http1_peer import settings_for
from tests.support.index_fixtures import QUICK, ClientOfEither
from tests.support.raw_server import RawServer, http_response
from tests.support.transport_clients import CHANGE, ONCE, client_of, client_to, responding

PATIENT_ONCE = replace(PATIENT, max_attempts=1)


def test_connections_are_kept_alive(transport: str) -> None:
    with RawServer(responding(http_response())) as server, client_of(transport, server) as client:
        for _ in range(5):
            client.update(CHANGE)
    assert (server.connections, len(server.requests)) == (1, 5)


def test_a_connection_closed_while_idle_is_replaced(transport: str) -> None:
    def close_after(connection: socket.socket, _: bytes) -> None:
        connection.sendall(http_response())
        connection.close()

    with RawServer(close_after) as server, client_of(transport, server, QUICK) as client:
        for _ in range(3):
            assert client.update(CHANGE) == 1
            time.sleep(0.05)
    assert len(server.requests) == 3


def test_connection_refused(transport: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        either = ClientOfEither(transport, Endpoint.of(f"http://127.0.0.1:{taken.getsockname()[1]}", "t"), ONCE)
        with pytest.raises(ConnectionFailed) as caught:
            either.update(CHANGE)
        either.end()
    assert caught.value.reason == "refused"


def test_an_unknown_host(transport: str) -> None:
    either = ClientOfEither(transport, Endpoint.of("https://no-such-index.invalid", "t"), ONCE)
    with pytest.raises(ConnectionFailed) as caught:
        either.update(CHANGE)
    either.end()
    assert caught.value.reason == "dns"


@contextmanager
def full_listener() -> Iterator[int]:
    """Yield a port on which a connection waits forever, because the backlog is full."""
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("0.0.0.0", 0))  # noqa: S104 - all of 127.0.0.0/8, for a host with many addresses
        full.listen(0)
        for _ in range(4):
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", full.getsockname()[1]))
        yield full.getsockname()[1]


def test_connect_timeout(transport: str) -> None:
    with full_listener() as port:
        either = client_to(transport, f"http://127.0.0.1:{port}", replace(ONCE, connect_timeout_seconds=0.3))
        with pytest.raises(ConnectionFailed) as caught:
            either.update(CHANGE)
        either.end()
    assert caught.value.reason == "timeout"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def server_tls(authority: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


def test_ssl_cert_file_names_the_trusted_authority(
    transport: str,
    authority: trustme.CA,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        RawServer(responding(http_response()), server_tls(authority)) as server,
        client_of(transport, server, PATIENT) as client,
    ):
        assert client.update(CHANGE) == 1


def test_an_untrusted_certificate(transport: str, authority: trustme.CA) -> None:
    with (
        RawServer(responding(http_response()), server_tls(authority)) as server,
        client_of(transport, server, PATIENT_ONCE) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        client.update(CHANGE)
    assert caught.value.reason == "certificate"
    assert server.requests == []


def test_a_certificate_for_another_host(
    transport: str,
    authority: trustme.CA,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        RawServer(responding(http_response()), server_tls(authority, "elsewhere.test")) as server,
        client_of(transport, server, PATIENT_ONCE) as client,
        pytest.raises(ConnectionFailed) as caught,
    ):
        client.update(CHANGE)
    assert caught.value.reason == "certificate"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain_http"),
        (b"<html>Not here</html>", "plain_http"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls"),  # an alert: handshake failure
    ],
)
@pytest.mark.parametrize("role", ["index", "proxy"])
def test_a_server_that_does_not_speak_tls(
    transport: str, role: str, reply: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(60)
                connection.recv(1 << 16)
                connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1 << 16)
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        if role == "proxy":
            monkeypatch.setenv("HTTPS_PROXY", url)
        either = client_to(transport, url if role == "index" else "https://index.test", PATIENT_ONCE)
        with pytest.raises(ConnectionFailed) as caught:
            either.update(CHANGE)
        either.end()
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("WRONG_VERSION_NUMBER", "plain_http"), ("RECORD_LAYER_FAILURE", "plain_http"), ("NO_CIPHERS", "tls")],
)
def test_the_names_of_openssl_for_bytes_that_are_no_tls(reason: str, expected: str) -> None:
    error = ssl.SSLError(1, "any text")
    error.reason = reason
    assert base.connection_failed(error, settings_for("https://index.test")).reason == expected


def test_loading_the_authorities_does_not_block_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []
    make, first = base.tls_context, iter([True])

    def recorded() -> ssl.SSLContext:
        threads.append(threading.current_thread() is threading.main_thread())
        if next(first, False):
            raise FileNotFoundError("no authorities")
        return make()

    async def connect() -> None:
        transport = Http1Transport(settings_for("https://127.0.0.1:1", connect_timeout_seconds=9))
        for _ in range(3):
            with pytest.raises(ConnectionFailed):
                await transport.send("/", b"", 9.0)
        await transport.close()

    monkeypatch.setattr(base, "tls_context", recorded)
    asyncio.run(connect())
    assert threads == [False, False]


def test_python_without_authorities_uses_those_of_certifi(
    transport: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "certifi.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "certifi.pem"))
    none = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")  # type: ignore[arg-type]  # as on a Mac
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: none)
    with (
        RawServer(responding(http_response()), server_tls(authority)) as server,
        client_of(transport, server, PATIENT) as client,
    ):
        assert client.update(CHANGE) == 1


def test_no_authorities_are_read_for_plain_http(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> ssl.SSLContext:
        raise AssertionError("authorities are read")

    for module in (base, httpx):
        monkeypatch.setattr(module, "tls_context", refuse)
    with RawServer(responding(http_response())) as server, client_of(transport, server) as client:
        assert client.update(CHANGE) == 1


def test_all_addresses_of_a_host_share_one_connect_timeout(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    with full_listener() as port:
        many = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in range(1, 61)]

        def find(host: str, *rest: Any, **options: Any) -> Any:
            return many if host == "index.test" else resolve(host, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", find)
        either = client_to(transport, f"http://index.test:{port}", replace(ONCE, connect_timeout_seconds=0.5))
        started = time.monotonic()
        with pytest.raises(ConnectionFailed):
            either.update(CHANGE)
        assert time.monotonic() - started < 15  # sixty times the limit would be 30 s
        either.end()


def test_the_next_address_is_tried_if_one_refuses(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(responding(http_response())) as server:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, server.port)) for host in ("127.0.0.9", "127.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        either = client_to(transport, f"http://index.test:{server.port}")
        assert either.update(CHANGE) == 1
        either.end()


def test_a_server_that_reads_slowly_does_not_block_a_request(transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

        def read_slowly() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while connection.recv(65536):
                    time.sleep(0.2)

        threading.Thread(target=read_slowly, daemon=True).start()
        either = client_to(transport, f"http://127.0.0.1:{listener.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises((ResponseTimeout, ResponseLost)):
            either.upsert([{"id": str(n), "vector": [0.5], "data": "x" * 1_000_000} for n in range(30)])
        assert time.monotonic() - started < 30  # all of it would be read after 90 s
        either.end()
