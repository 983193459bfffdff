"""No error of a client or a bulk run contains a proxy's credentials, whatever the proxy responds."""

from __future__ import annotations

import base64
import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    InvalidEndpoint,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.proxies import environment_proxy
from tests.support.proxies import PASSWORD, USER, proxy_url, tinyproxy
from tests.support.raw_server import RawServer, http_response
from tests.support.secrecy import assert_no_secret, assert_not_shown, spellings
from tests.support.transport_clients import CHANGE, ONCE, client_to, responding

SPECIAL = "p4ss/w0rd+with=%and@more:of-it-4711"


def use_proxy(monkeypatch: pytest.MonkeyPatch, port: int, password: str = PASSWORD, user: str = USER) -> str:
    url = proxy_url(port, user, password)
    monkeypatch.setenv("ALL_PROXY", url)
    return url


@pytest.mark.parametrize(
    ("target", "password", "said"),
    [
        ("https://index.test", "wr0ng-p4ssw0rd-of-length", "401 Unauthorized"),
        ("https://index.test:8443", PASSWORD, "403 Access violation"),
        ("https://index.test", PASSWORD, "500 Unable to connect"),
        # it may close the connection before the request is read, which can lose its response
        ("http://index.test", "wr0ng-p4ssw0rd-of-length", ""),
        ("http://index.test", PASSWORD, ""),
    ],
)
def test_an_error_of_tinyproxy_shows_no_credential(
    transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: str, password: str, said: str
) -> None:
    with tinyproxy(tmp_path, "ConnectPort 443") as port:
        use_proxy(monkeypatch, port, password)
        either = client_to(transport, target)
        with pytest.raises(ConnectionFailed if said else UpstashVectorError) as caught:
            either.update(CHANGE)
        client = repr(vars(either.client))
        either.end()
    if said:
        assert caught.value.message == f"cannot connect through the proxy http://127.0.0.1:{port}: {said}"
    assert_no_secret([password], caught.value)
    assert_not_shown(password, client)


def test_a_request_through_tinyproxy_is_authenticated(
    transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        RawServer(responding(http_response())) as server,
        tinyproxy(tmp_path, f"Upstream http 127.0.0.1:{server.port}") as port,
    ):
        use_proxy(monkeypatch, port)
        either = client_to(transport, "http://index.test")
        assert either.update(CHANGE) == 1
        either.end()


@pytest.mark.parametrize("password", [SPECIAL, "", "pässwörd-of-some-length"])
@pytest.mark.parametrize("user", ["us3r", "us3r name@of/length"])
def test_credentials_with_any_character(
    transport: str, monkeypatch: pytest.MonkeyPatch, user: str, password: str
) -> None:
    with RawServer(responding(http_response())) as proxy:
        use_proxy(monkeypatch, proxy.port, password, user)
        either = client_to(transport, "http://index.test")
        assert either.update(CHANGE) == 1
        either.end()
    expected = base64.b64encode(f"{user}:{password}".encode())
    assert b"proxy-authorization: basic %b\r\n" % expected.lower() in proxy.requests[0].lower()


@pytest.mark.parametrize("target", ["https://index.test", "http://index.test"])
@pytest.mark.parametrize("where", ["reason", "body", "header", "garbage"])
def test_credentials_echoed_by_a_proxy_are_not_shown(
    transport: str, monkeypatch: pytest.MonkeyPatch, target: str, where: str
) -> None:
    echo = ""

    def script(connection: socket.socket, _: bytes) -> None:
        responses = {
            "reason": http_response(b"", f"407 {echo}"),
            "body": http_response(f"<html>Proxy-Authorization: {echo}</html>".encode(), "502 Bad"),
            "header": http_response(b"", "302 Found", f"Location: http://login/?{echo}"),
            "garbage": f"{echo}\r\n\r\n".encode(),
        }
        connection.sendall(responses[where])
        if where == "garbage":
            connection.shutdown(socket.SHUT_RDWR)

    with RawServer(script) as proxy:
        url = use_proxy(monkeypatch, proxy.port, SPECIAL)
        either = client_to(transport, target)
        for echo in [  # noqa: B007 - the proxy's script uses it
            *spellings(SPECIAL).values(),
            url,
        ]:
            with pytest.raises(UpstashVectorError) as caught:
                either.update(CHANGE)
            assert_no_secret([SPECIAL], caught.value)
        either.end()
        assert len(proxy.requests) == len(spellings(SPECIAL)) + 1


def test_a_user_name_alone_is_a_credential(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(responding(http_response(b'{"error": "who is t0ken-as-a-user?"}', "403 No"))) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://t0ken-as-a-user@127.0.0.1:{proxy.port}")
        either = client_to(transport, "http://index.test")
        with pytest.raises(UpstashVectorError, match=r"who is \*\*\*\?"):
            either.update(CHANGE)
        either.end()


@pytest.mark.parametrize(
    "form",
    [
        "http://{user}:{password}@proxy.test:port",
        "http://{user}:{password}@proxy.test:99999",
        "http://{user}:{password}@proxy test:1",
        "http://{user}:{password} @proxy.test:1",
        "socks5://{user}:{password}@proxy.test:1",
        "//{user}:{password}@proxy.test:1",
        "http://{user}:{password}@[::1",
        "http://{user}:{password}@[v1.x]:1",
        "http://{user}:{password}@:1",
        "http://{user}:{password}",
        "http://{user}:{password}/@proxy.test:1",
        "http://{user}:{password}@proxy.test:1/path",
        "http://{user}:{password}@proxy.test:1?query",
        "http://{user}%3A:{password}@proxy.test:1",
        "http://{user}:{password}%FF@proxy.test:1",
        "http://{user}:{password}@pro..xy:1",
        "http://{user}:{password}@pro|xy:1",
        "{password}",
    ],
)
def test_an_unusable_proxy_url_is_not_shown(transport: str, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", form.format(user=USER, password=f"{PASSWORD} "))
    with pytest.raises(InvalidEndpoint, match="https_proxy does not name a usable http or https proxy") as caught:
        client_to(transport, "https://index.test")
    assert_no_secret([PASSWORD], caught.value)
    monkeypatch.setenv("HTTPS_PROXY", form.format(user=USER, password=PASSWORD))
    if form == "{password}":  # it is a valid host name
        return
    with pytest.raises(InvalidEndpoint) as caught:
        client_to(transport, "https://index.test")
    assert_no_secret([PASSWORD], caught.value)


PIECES = st.sampled_from([*"@:/?#[]% \\\t\x1fé", "http://", "https://", "a", "%41", "%FF", "1", "[::1]", "x.test"])


@settings(max_examples=5 * settings().max_examples)
@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8))
def test_any_proxy_url_is_rejected_or_accepted_by_httpx(before: list[str], after: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("HTTPS_PROXY", f"{''.join(before)}{PASSWORD}{''.join(after)}")
        try:
            proxy = environment_proxy("https://index.test")
        except InvalidEndpoint as error:
            assert_no_secret([PASSWORD], error)
            return
        assert proxy is not None
        VectorClient(Endpoint.of("https://index.test", "t0k3n")).close()
        assert urlsplit(proxy.url).hostname


def test_no_bulk_run_shows_a_credential(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = tmp_path / "failures.jsonl"
    with tinyproxy(tmp_path) as port:
        use_proxy(monkeypatch, port, "wr0ng-p4ssw0rd-of-length")
        with pytest.raises(bulk.BulkJobFailed, match=r"has not responded at all.*401") as caught:
            bulk.update(
                [{"id": "a", "data": "x"}],
                Endpoint.of("https://index.test", "t0k3n"),
                policy=ONCE,
                failures_path=failures,
                check_index=False,
            )
    assert_no_secret(["wr0ng-p4ssw0rd-of-length"], caught.value)
    assert caught.value.reason == "service_unavailable"
    assert not failures.exists(), "the row was not attempted"
    assert_not_shown("wr0ng-p4ssw0rd-of-length", caplog.text)
