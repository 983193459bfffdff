"""No error of a client or a bulk run contains the token, however a server echoes it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint, RateLimited, UpstashVectorError
from tests.support.index_fixtures import ClientOfEither
from tests.support.raw_server import RawServer, http_response
from tests.support.secrecy import assert_no_secret, assert_not_shown, spellings
from tests.support.transport_clients import CHANGE, ONCE

TOKEN = "ABcFMHByb2Z-dW5kLW1h_cm1v/c2V0LTEy+MzQ1LXVzMWFkbWlu~TldZME9UZG1="

Response = Callable[[str], bytes]


def of_text(text: str, status: str = "200 OK", *headers: str) -> bytes:
    return http_response(text.encode(), status, *headers)


ECHOES: dict[str, Response] = {
    "error": lambda echo: of_text(f'{{"error": "{echo}"}}', "401 Unauthorized"),
    "throttled": lambda echo: of_text(f'{{"error": "{echo}"}}', "429 Slow", "Retry-After: 999"),
    "other JSON": lambda echo: of_text(f'{{"sent": {{"authorization": "{echo}"}}}}', "500 Oh"),
    "page": lambda echo: of_text(f"<html><p>sent</p><pre>{echo}</pre></html>", "502 Bad"),
    "text": lambda echo: of_text(f"\x1b[1mAuthorization: {echo}", "503 Busy"),
    "reason": lambda echo: of_text("", f"400 {echo}"),
    "location": lambda echo: of_text("", "301 Moved", f"Location: https://elsewhere/?{echo}"),
    "no JSON": lambda echo: of_text(f"you sent {echo}"),
    "no result": lambda echo: of_text(f'{{"sent": "{echo}"}}'),
    "wrong result": lambda echo: of_text(f'{{"result": {{"{echo}": "{echo}"}}}}'),
    "bad header": lambda echo: f"HTTP/1.1 200 OK\r\n{echo}\r\n\r\n".encode(),
    "no HTTP": lambda echo: f"{echo}\r\n\r\n".encode(),
    "bad status": lambda echo: f"HTTP/1.1 {echo} OK\r\n\r\n".encode(),
    "bad length": lambda echo: f"HTTP/1.1 200 OK\r\nContent-Length: {echo}\r\n\r\n".encode(),
}


class EchoServer(RawServer):
    """Sends ``response`` to every request and closes the connection."""

    def __init__(self) -> None:
        self.response = b""
        super().__init__(self._hang_up)

    def _hang_up(self, connection: socket.socket, _: bytes) -> None:
        connection.sendall(self.response)
        connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("call", ["update", "info"])
def test_no_error_of_a_client_shows_the_token(transport: str, call: str) -> None:
    with EchoServer() as server:
        either = ClientOfEither(transport, Endpoint.of(server.url, TOKEN), ONCE)

        @given(
            where=st.sampled_from([*ECHOES]),
            spelling=st.sampled_from([*spellings(TOKEN)]),
            padding=st.sampled_from([0, 1, 250, 280, 297, 2_300, 70_000]),
        )
        @example(where="throttled", spelling="json, all escaped", padding=0)
        @example(where="error", spelling="plain", padding=280)
        def check(where: str, spelling: str, padding: int) -> None:
            server.response = ECHOES[where]("x" * padding + spellings(TOKEN)[spelling])
            with pytest.raises(UpstashVectorError) as caught:
                either.update(CHANGE) if call == "update" else either.info()
            assert_no_secret([TOKEN], caught.value)

        try:
            check()
        finally:
            either.end()
        assert TOKEN not in repr(vars(either.client))


@pytest.mark.parametrize("where", [*ECHOES])
@pytest.mark.parametrize("spelling", ["plain", "json, all escaped", "base64 of Bearer"])
def test_no_bulk_run_shows_the_token(
    where: str, spelling: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failures = tmp_path / "failures.jsonl"
    caplog.set_level(logging.DEBUG)
    with EchoServer() as server:
        server.response = ECHOES[where](spellings(TOKEN)[spelling])
        with pytest.raises(bulk.BulkJobFailed) as caught:
            bulk.update(
                [{"id": str(number), "data": "x"} for number in range(3)],
                Endpoint.of(server.url, TOKEN),
                policy=ONCE,
                failures_path=failures,
                check_index=False,
                max_failures=1,
            )
        assert server.requests
    assert_no_secret([TOKEN], caught.value)
    if where == "throttled":
        assert isinstance(caught.value.__cause__, RateLimited)
    written = failures.read_text() if failures.exists() else ""  # a row that was put back has not failed
    assert_not_shown(TOKEN, written, caplog.text, repr(caught.value.report), json.dumps(caplog.messages))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://index.test/path", TOKEN),
        (f"https://default:{TOKEN}@index.test", TOKEN),
        (f"https://{TOKEN}@index.test", None),
        ("http://index.test", TOKEN),
        ("https://index.test:port", f"Bearer {TOKEN}"),
        ("https://index.test", f"{TOKEN} {TOKEN}"),
        ("https://index.test", f'"{TOKEN}ü"'),
    ],
)
def test_no_invalid_endpoint_shows_the_token(url: str, token: str | None) -> None:
    with pytest.raises(InvalidEndpoint) as caught:
        Endpoint.of(url, token)
    assert_no_secret([TOKEN], caught.value)
    variables = {"UPSTASH_VECTOR_REST_URL": url, "UPSTASH_VECTOR_REST_TOKEN": token or ""}
    with pytest.raises(InvalidEndpoint) as caught:
        Endpoint.from_env(variables)
    assert_no_secret([TOKEN], caught.value)


def silent(connection: socket.socket, _: bytes) -> None:
    """Send nothing until the client closes the connection."""
    connection.recv(1)


@pytest.mark.parametrize("open_port", [True, False])
def test_no_error_without_a_response_shows_the_token(transport: str, open_port: bool) -> None:
    with RawServer(silent) as server:
        url = server.url if open_port else "http://127.0.0.1:1"
        either = ClientOfEither(transport, Endpoint.of(url, TOKEN), ONCE)
        with pytest.raises(UpstashVectorError) as caught:
            either.update(CHANGE)
        either.end()
    assert_no_secret([TOKEN], caught.value)


class Interruption(BaseException):
    """As Airflow's task timeout, raised in a signal handler."""


def test_no_interruption_of_the_sync_client_shows_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int, __: object) -> None:
        raise Interruption

    main = threading.get_ident()

    def script(connection: socket.socket, _: bytes) -> None:
        signal.pthread_kill(main, signal.SIGALRM)
        connection.recv(1)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with (
            RawServer(script) as server,
            VectorClient(Endpoint.of(server.url, TOKEN), policy=ONCE) as client,
            pytest.raises(Interruption) as caught,
        ):
            client.update(CHANGE)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert_no_secret([TOKEN], caught.value)


def test_no_cancellation_of_an_async_client_shows_the_token(transport: str) -> None:
    if transport == "httpx":
        transport = "http1"

    async def cancel(server: RawServer) -> BaseException:
        either: Any = ClientOfEither(transport, Endpoint.of(server.url, TOKEN), ONCE).client
        client: AsyncVectorClient = either
        update = asyncio.create_task(client.update(CHANGE))
        await asyncio.to_thread(asked.wait, 10)
        update.cancel()
        try:
            await asyncio.wait_for(update, 10)
        except asyncio.CancelledError as error:
            return error
        finally:
            await client.close()
        raise AssertionError("it was not cancelled")

    asked = threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        asked.set()
        silent(connection, request)

    with RawServer(script) as server:
        assert_no_secret([TOKEN], asyncio.run(asyncio.wait_for(cancel(server), 20)))
