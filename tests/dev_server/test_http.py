"""Paths, methods, tokens, faults and invalid bodies of the dev server."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS
from tests.support.dev_api import Api


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "POST", 404),
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
        {"kind": "cut", "often": 1},
        5,
    ]:
        assert api("/_dev/faults", invalid)[0] == 400


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=600)
@given(
    path=st.sampled_from([f"/{command}" for command in COMMANDS]) | st.just("/delete-namespace/ns"),
    body=st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(FIELDS),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    ),
)
def test_no_body_is_a_server_error(api: Api, path: str, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    response = api.post(path, content=content)
    assert response.status_code < 500
    assert response.status_code == 200 or response.json()["status"] == response.status_code
