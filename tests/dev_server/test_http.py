"""Paths, methods, tokens, faults and invalid bodies of the dev server."""

from __future__ import annotations

import json
import socket
from dataclasses import fields
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS
from airflow_provider_upstash_vector.provider_info import UI_FIELD_BEHAVIOUR
from tests.support.dev_api import Api, index


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "POST", 404),
        ("/", "PUT", 404),
        ("/nothing", "POST", 404),
        ("/update/a/b", "POST", 404),
        ("/info/ns", "GET", 404),
        ("/update", "PATCH", 405),
        ("/info", "DELETE", 405),
        ("/update", "DELETE", 405),
        ("/update/%ff", "POST", 400),
    ],
)
def test_unknown_paths_and_methods(api: Api, path: str, method: str, status: int) -> None:
    assert api(path, {"id": "a", "data": "x"}, method)[0] == status


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_endpoints_accept_undocumented_methods(api: Api, method: str) -> None:
    assert api("/update", {"id": "a", "data": "x"}, method) == {"updated": 0}
    assert api("/info", None, method)["vectorCount"] == 0
    assert api.head("/info").status_code == 200


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("OPTIONS * HTTP/1.1", "", b"404"),
        ("GET /info HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", b"401"),
    ],
)
def test_requests_of_other_protocols_are_not_server_errors(
    server: DevServer, request_line: str, headers: str, status: bytes
) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{request_line}\r\nHost: x\r\n{headers}\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_the_size_of_a_body_is_limited(api: Api) -> None:
    assert api("/update", b" " * (33 * 1024 * 1024))[0] == 413


def test_tokens(server: DevServer) -> None:
    for header, message in [
        ({}, "Unauthorized: Missing auth token"),
        ({"Authorization": "Basic x"}, "Unauthorized: Missing auth token"),
        ({"Authorization": "Bearer wrong"}, "Unauthorized: Invalid auth token"),
        ({"Authorization": "Bearer ü".encode()}, "Unauthorized: Invalid auth token"),
    ]:
        response = httpx.post(f"{server.url}/info", headers=header)  # type: ignore[arg-type]  # bytes are fine
        assert (response.status_code, response.json()["error"]) == (401, message)
    with Api(server, server.read_only_token) as reader:
        assert reader("/info")["vectorCount"] == 0
        for name, command in COMMANDS.items():
            result = reader(f"/{name}", {})
            assert (isinstance(result, tuple) and result[0] == 403) is command.writes


def test_faults_over_http(api: Api, server: DevServer) -> None:
    faults = [{"kind": "status", "status": 429, "retry_after": "3"}, {"kind": "quota", "command": "info"}]
    assert len(api("/_dev/faults", faults)) == 2
    response = api.post("/update", json={"id": "a", "data": "x"})
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert api("/update", {"id": "a", "data": "x"}) == {"updated": 0}
    assert api("/info") == (403, "Exceeded daily write limit: 10000")
    assert api("/_dev/faults", {"kind": "cut", "times": 3})[0]["times"] == 3
    assert api("/_dev/faults", method="DELETE") == []
    assert api("/_dev/requests", method="GET") == dict(server.requests)
    for invalid in [
        b"{",
        {"kind": "unknown"},
        {"kind": "status", "times": "3"},
        {"kind": "status", "times": 0},
        {"kind": "status", "status": "abc"},
        {"kind": "slow", "seconds": True},
        {"kind": "status", "retry_after": 1},
        {"status": 500},
        {"kind": "slow", "seconds": -1},
        {"kind": "slow", "seconds": 10**300},
        {"kind": "status", "probability": 2},
        {"kind": "status", "retry_after": "1\n2"},
        {"kind": "garbage", "text": 5},
        {"kind": "huge", "size_bytes": 10**300},
        {"kind": ["cut"]},
        {"kind": "cut", "often": 1},
        b'{"kind": "slow", "seconds": NaN}',
        b'{"kind": "slow", "seconds": 1e999}',
        b'{"kind": "garbage", "text": "\\ud800"}',
        b"[" * 100_000,
        b'{"kind": ' * 100_000,
        5,
    ]:
        assert api("/_dev/faults", invalid)[0] == 400, invalid
    assert api("/_dev/faults", method="GET") == []
    assert api("/_dev/faults", method="PUT")[0] == api("/_dev/clear", method="GET")[0] == 405
    assert api("/_dev/unknown")[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8079"}, 200),
        ({"Origin": "http://127.0.0.1:3000"}, 200),
        ({"Host": "localhost:8079", "Origin": "http://localhost:8080"}, 200),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1.example.com"}, 403),
        ({"Origin": "http://localhost@example.com"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Host": "example.com"}, 403),
        ({"Host": "example.com", "Origin": "http://127.0.0.1"}, 403),
        ({"Host": "example.com", "Origin": "http://example.com", "Authorization": "Bearer {token}"}, 200),
        ({"Host": "example.com", "Authorization": "Bearer {read_only_token}"}, 403),
        ({"Host": "example.com", "Authorization": "Bearer"}, 403),
        ({"Host": ""}, 403),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "clear"), ("POST", "faults"), ("GET", "requests")])
def test_pages_of_other_sites_do_not_control_the_server(
    server: DevServer, headers: dict[str, str], status: int, method: str, path: str
) -> None:
    tokens = {"token": server.token, "read_only_token": server.read_only_token}
    sent = {name: value.format(**tokens) for name, value in headers.items()}
    response = httpx.request(method, f"{server.url}/_dev/{path}", headers=sent, content=b"[]", trust_env=False)
    assert response.status_code == status
    assert status == 200 or "needs the token" in response.json()["error"]


@pytest.mark.parametrize("similarity", ["COSINE", "EUCLIDEAN"])
def test_a_page_for_people(similarity: str) -> None:
    with index(similarity=similarity, dimension=384, embedding_model="BGE") as api:
        api("/upsert-data", {"id": "a", "data": "x"})
        response = httpx.get(str(api.base_url), trust_env=False)  # a browser has no token
        headers = api.headers
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    for text in (f"URL         {api.base_url}", "UPSTASH_VECTOR_REST_URL", "UPSTASH_VECTOR_REST_TOKEN"):
        assert text.rstrip("/") in response.text
    assert f'{api.base_url.port} as "Port"' in response.text
    for field in UI_FIELD_BEHAVIOUR["relabeling"].values():
        assert f'as "{field}"' in response.text
    assert f"Index       DENSE, 384 dimensions, {similarity}, BGE\nVectors     1\n" in response.text
    assert headers["Authorization"].split()[1] not in response.text


def test_an_applied_fault_runs_the_command_first(api: Api, server: DevServer) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2]})
    server.faults.add(Fault(kind="status", status=502, html=True, applied=True))
    response = api.post("/update", json={"id": "a", "data": "landed"})
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert api.fetch_all_parts("a")[0]["data"] == "landed"


@pytest.mark.parametrize(
    ("fault", "sleeps"),
    [
        (Fault(kind="slow", seconds=600), [600]),
        (Fault(kind="drip", seconds=60), [60] * len('{"result": {"updated": 0}}')),
    ],
)
def test_delays_of_faults_take_the_sleep_of_the_server(fault: Fault, sleeps: list[float]) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with DevServer(sleep=sleep) as server, Api(server) as api:
        server.faults.add(fault)
        assert api("/update", {"id": "a", "data": "x"}) == {"updated": 0}
    assert slept == sleeps


def test_faults_with_a_probability(api: Api, server: DevServer) -> None:
    server.faults.add(Fault(kind="status", times=400, probability=0.5))
    statuses = [api.post("/info").status_code for _ in range(400)]
    assert 100 < statuses.count(503) < 300
    assert server.faults.waiting() == []


FIELDS = [
    *("id", "ids", "vector", "sparseVector", "metadata", "data", "prefix", "metadataUpdateMode", "filter", "topK"),
    *("cursor", "limit", "uuid", "additionalK", "maxIdle", "weightingStrategy", "fusionAlgorithm", "queryMode"),
    *("namespace", "newNamespace", "deleteExisting", "includeVectors", "includeMetadata", "includeData"),
]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def content_of(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5 * settings().max_examples)
@given(
    path=st.sampled_from([f"/{command}" for command in COMMANDS]) | st.just("/delete-namespace/ns"),
    body=st.binary(max_size=60) | st.dictionaries(st.sampled_from(FIELDS), JSON),
)
def test_no_body_is_a_server_error(api: Api, path: str, body: Any) -> None:
    response = api.post(path, content=content_of(body))
    assert response.status_code < 500
    assert response.status_code == 200 or response.json()["status"] == response.status_code


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | JSON
    | st.dictionaries(st.sampled_from([field.name for field in fields(Fault)]), JSON).map(
        lambda body: {"kind": "status", **body}
    )
)
def test_no_fault_is_a_server_error(api: Api, server: DevServer, body: Any) -> None:
    response = api.post("/_dev/faults", content=content_of(body))
    assert response.status_code in {200, 400}
    assert (response.status_code == 200) >= bool(server.faults.waiting())
    server.faults.clear()
