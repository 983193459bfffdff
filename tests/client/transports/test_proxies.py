"""The transports and the environment's proxies."""

from __future__ import annotations

import pytest

from airflow_provider_upstash_vector.client.errors import (
    ConnectionFailed,
    InvalidEndpoint,
)
from tests.support.raw_server import RawServer, http_response
from tests.support.transport_clients import CHANGE, client_of, client_to, responding


def test_http_proxy_of_the_environment(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(responding(http_response())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{proxy.port}")
        either = client_to(transport, "http://index.test")
        assert either.update(CHANGE) == 1
        either.end()
    assert proxy.requests[0].startswith(b"POST http://index.test/update HTTP/1.1\r\n")
    assert b"proxy-authorization" not in proxy.requests[0].lower()


def test_https_proxy_of_the_environment(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(responding(http_response(b"", "403 Forbidden"))) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        either = client_to(transport, "https://index.test")
        with pytest.raises(ConnectionFailed):
            either.update(CHANGE)
        either.end()
    assert proxy.requests[0].startswith(b"CONNECT index.test:443 HTTP/1.1\r\n")
    assert b"t0k3n" not in proxy.requests[0]


@pytest.mark.parametrize("exempt", ["index.test", "index.test:8079", ".test", "*"])
def test_no_proxy_of_the_environment(transport: str, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    with RawServer(responding(http_response())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exempt)
        either = client_to(transport, "http://index.test:8079")
        with pytest.raises(ConnectionFailed):  # there is no such host
            either.update(CHANGE)
        either.end()
        assert proxy.requests == []


def test_loopback_addresses_are_never_proxied(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(responding(http_response())) as server, RawServer(responding(http_response())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        with client_of(transport, server) as client:
            assert client.update(CHANGE) == 1
        assert proxy.requests == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://x:1", "http://[::1", "http://"])
def test_an_unusable_proxy_is_reported(transport: str, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(InvalidEndpoint, match="http_proxy does not name a usable http or https proxy"):
        client_to(transport, "http://index.test")
