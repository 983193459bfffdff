"""The dev server's paths, methods, tokens, faults, and bodies that make no sense."""

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
from tests.support.dev_api import Api, everything


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
def test_every_endpoint_takes_the_methods_that_it_does_not_document(api: Api, method: str) -> None:
    assert api("/update", {"id": "a", "data": "x"}, method) == {"updated": 0}
    assert api("/info", None, method)["vectorCount"] == 0
    assert api.http.head("/info").status_code == 200


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("OPTIONS * HTTP/1.1", "", b"404"),
        ("GET /info HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n", b"401"),
    ],
)
def test_requests_of_other_protocols_are_no_server_errors(
    server: DevServer, request_line: str, headers: str, status: bytes
) -> None:
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{request_line}\r\nHost: x\r\n{headers}\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)


def test_a_body_has_a_limit(api: Api) -> None:
    assert api("/update", b" " * (33 * 1024 * 1024))[0] == 413


def test_tokens(server: DevServer) -> None:
    for header, message in [
        ({}, "Unauthorized: Missing auth token"),
        ({"Authorization": "Basic x"}, "Unauthorized: Missing auth token"),
        ({"Authorization": "Bearer wrong"}, "Unauthorized: Invalid auth token"),
        ({"Authorization": "Bearer ü".encode()}, "Unauthorized: Invalid auth token"),
    ]:
        answer = httpx.post(f"{server.url}/info", headers=header)  # type: ignore[arg-type]  # bytes are fine
        assert (answer.status_code, answer.json()["error"]) == (401, message)
    reader = Api(server, server.read_only_token)
    assert reader("/info")["vectorCount"] == 0
    for command, rule in COMMANDS.items():
        said = reader(f"/{command}", {})
        assert (isinstance(said, tuple) and said[0] == 403) is rule.writes
    reader.http.close()


def test_faults_over_http(api: Api, server: DevServer) -> None:
    faults = [{"kind": "status", "status": 429, "retry_after": "3"}, {"kind": "quota", "command": "info"}]
    assert len(api("/_dev/faults", faults)) == 2
    answer = api.http.post("/update", json={"id": "a", "data": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert api("/update", {"id": "a", "data": "x"}) == {"updated": 0}
    assert api("/info") == (403, "Exceeded daily write limit: 10000")
    assert api("/_dev/faults", {"kind": "cut", "times": 3})[0]["times"] == 3
    assert api("/_dev/faults", method="DELETE") == []
    assert api("/_dev/requests", method="GET") == dict(server.requests)
    for wrong in [
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
        assert api("/_dev/faults", wrong)[0] == 400


def test_an_applied_fault_is_carried_out_first(api: Api, server: DevServer) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2]})
    server.faults.add(Fault(kind="status", status=502, html=True, applied=True))
    answer = api.http.post("/update", json={"id": "a", "data": "landed"})
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert everything(api, "a")[0]["data"] == "landed"


def test_faults_with_a_probability(api: Api, server: DevServer) -> None:
    server.faults.add(Fault(kind="status", times=400, probability=0.5))
    statuses = [api.http.post("/info").status_code for _ in range(400)]
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
def test_no_body_makes_the_server_fail(api: Api, path: str, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    answer = api.http.post(path, content=content)
    assert answer.status_code < 500
    assert answer.status_code == 200 or answer.json()["status"] == answer.status_code
