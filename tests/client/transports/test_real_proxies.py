"""Requests through tinyproxy and squid, which expect credentials: to an https index, and to an http one."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import certifi
import pytest
import trustme

from airflow_provider_upstash_vector.client import proxies
from airflow_provider_upstash_vector.client.errors import ConnectionFailed
from tests.support.index_fixtures import QUICK
from tests.support.proxies import free_port, proxy_url, squid, tinyproxy
from tests.support.raw_server import RawServer, http_response
from tests.support.secrecy import assert_no_secret
from tests.support.transport_clients import CHANGE, client_to, responding

# tinyproxy closes the connection after a response over plain HTTP, so that a request can be lost
PATIENT = replace(QUICK, connect_timeout_seconds=60, request_timeout_seconds=60, total_timeout_seconds=120)
PATIENT_ONCE = replace(PATIENT, max_attempts=1)
AUTHORITY = trustme.CA()
OF_CERTIFI = trustme.CA()
TLS = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
AUTHORITY.issue_cert("index.test", "localhost").configure_cert(TLS)


@pytest.fixture(scope="module", autouse=True)
def _trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(scope="module", params=["tinyproxy", "squid", "squid over TLS"])
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The scheme and port of a proxy."""
    if request.param == "tinyproxy":
        with tinyproxy(tmp_path_factory.mktemp("tinyproxy")) as port:
            yield "http", port
    elif request.param == "squid":
        with squid() as port:
            yield "http", port
    else:
        with squid(AUTHORITY.issue_cert("localhost")) as port:
            yield "https", port


@pytest.fixture
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, proxy: tuple[str, int]) -> str:
    """A host that the proxy resolves to this machine: tinyproxy knows no other names than the system."""
    scheme, port = proxy
    monkeypatch.setenv("ALL_PROXY", proxy_url(port, scheme=scheme))
    if "tinyproxy" not in request.node.callspec.id:
        return "index.test"
    monkeypatch.setattr(proxies, "is_loopback", lambda _: False)
    return "localhost"


@pytest.mark.parametrize("tls", [TLS, None], ids=["https", "http"])
def test_requests_through_a_proxy(transport: str, host: str, tls: ssl.SSLContext | None) -> None:
    with RawServer(responding(http_response()), tls) as server:
        either = client_to(transport, f"{'https' if tls else 'http'}://{host}:{server.port}", PATIENT)
        for _ in range(3):
            assert either.update(CHANGE) == 1
        either.end()
    assert len(server.requests) >= 3
    if tls:
        assert (len(server.requests), server.connections) == (3, 1)
    for request in server.requests:
        assert b"authorization: bearer t0k3n\r\n" in request.lower()
        assert b"proxy-authorization" not in request.lower()


def test_a_proxy_that_rejects_the_credentials(
    transport: str, host: str, proxy: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, port = proxy
    url = proxy_url(port, password="wr0ng-p4ssw0rd-of-length", scheme=scheme)
    monkeypatch.setenv("ALL_PROXY", url)
    either = client_to(transport, f"https://{host}:8443", PATIENT_ONCE)
    with pytest.raises(ConnectionFailed) as caught:
        either.update(CHANGE)
    either.end()
    name = f"{scheme}://{url.partition('@')[2]}"
    said = "401 Unauthorized" if host == "localhost" else "407 Proxy Authentication Required"
    assert caught.value.message == f"cannot connect through the proxy {name}: {said}"
    assert_no_secret(["wr0ng-p4ssw0rd-of-length"], caught.value)


def test_a_proxy_that_cannot_reach_the_index(transport: str, host: str) -> None:
    either = client_to(transport, f"https://{host}:{free_port()}", PATIENT_ONCE)
    with pytest.raises(ConnectionFailed, match=r"through the proxy http.*: 50\d ") as caught:
        either.update(CHANGE)
    either.end()
    assert caught.value.reason == "other"


@pytest.mark.parametrize("certificate", [OF_CERTIFI.issue_cert("localhost"), AUTHORITY.issue_cert("other")])
def test_a_proxy_without_a_valid_certificate(
    transport: str, monkeypatch: pytest.MonkeyPatch, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    OF_CERTIFI.cert_pem.write_to_path(str(tmp_path / "certifi.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "certifi.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with RawServer(responding(http_response()), context) as server:
        monkeypatch.setenv("ALL_PROXY", proxy_url(server.port, scheme="https"))
        either = client_to(transport, "https://index.test", PATIENT_ONCE)
        with pytest.raises(ConnectionFailed, match=f"through the proxy https://localhost:{server.port}") as caught:
            either.update(CHANGE)
        either.end()
    assert server.requests == []
    assert caught.value.reason == "certificate"


@pytest.mark.parametrize("target", ["https://index.test", "http://index.test"])
@pytest.mark.parametrize(("url", "reason"), [("http://127.0.0.1:{}", "refused"), ("http://no.invalid", "dns")])
def test_an_unreachable_proxy(
    transport: str, monkeypatch: pytest.MonkeyPatch, target: str, url: str, reason: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", url.format(free_port()))
    either = client_to(transport, target, PATIENT_ONCE)
    with pytest.raises(ConnectionFailed, match="cannot connect through the proxy http://") as caught:
        either.update(CHANGE)
    either.end()
    assert caught.value.reason == reason
