"""The dev server over plain HTTP, held against the API's documentation."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.dev_server.commands import COMMANDS

NEEDS_MODEL = (
    "Embedding data for this index is not allowed. The index must be created with an embedding model to use it."
)


GOOD: dict[str, dict[str, Any]] = {
    "DENSE": {"vector": [0, 0, 0]},
    "SPARSE": {"sparseVector": {"indices": [9], "values": [9]}},
    "HYBRID": {"vector": [0, 0, 0], "sparseVector": {"indices": [9], "values": [9]}},
}


class Api:
    """Posts to a dev server; returns the result, or (status, message)."""

    def __init__(self, server: DevServer, token: str | None = None) -> None:
        self.http = httpx.Client(
            base_url=server.url, headers={"Authorization": f"Bearer {token or server.token}"}, trust_env=False
        )

    def __call__(self, path: str, body: Any = None, method: str = "POST") -> Any:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = self.http.request(method, path, content=content)
        said = answer.json()
        if answer.status_code == 200:
            assert list(said) == ["result"]
            return said["result"]
        assert said == {"error": said["error"], "status": answer.status_code}
        return answer.status_code, said["error"]


@pytest.fixture
def api(server: DevServer) -> Iterator[Api]:
    api = Api(server)
    yield api
    api.http.close()


def index(**spec: Any) -> DevServer:
    return DevServer(**{"dimension": 3, **spec})


def everything(api: Api, *ids: str, namespace: str = "") -> Any:
    flags = {"includeVectors": True, "includeMetadata": True, "includeData": True}
    return api(f"/fetch/{namespace}", {"ids": ids, **flags})


def test_upsert_one_or_many(api: Api) -> None:
    assert api("/upsert", {"id": "a", "vector": [0.1, 0.2]}) == "Success"
    assert api("/upsert/ns", [{"id": 1, "vector": [1, 2], "metadata": {"x": 1}, "data": "t"}]) == "Success"
    assert everything(api, "a") == [{"id": "a", "vector": [0.1, 0.2]}]
    assert everything(api, "1", namespace="ns") == [
        {"id": "1", "vector": [1.0, 2.0], "metadata": {"x": 1}, "data": "t"}
    ]


def test_upsert_replaces_the_whole_vector(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": 1}, "data": "t"})
    api("/upsert", {"id": "a", "vector": [3, 4]})
    assert everything(api, "a") == [{"id": "a", "vector": [3.0, 4.0]}]


def test_an_upsert_with_one_wrong_item_writes_none(api: Api) -> None:
    items = [{"id": "a", "vector": [1, 2]}, {"id": "b", "vector": [1]}]
    assert api("/upsert", items) == (422, "Invalid vector dimension: 1, expected: 2")
    assert everything(api, "a") == [None]


@pytest.mark.parametrize(
    ("index_type", "item", "refusal"),
    [
        ("DENSE", {"vector": [1, 2, 3]}, None),
        ("DENSE", {"vector": [1, 2]}, "Invalid vector dimension: 2, expected: 3"),
        ("DENSE", {"sparseVector": {"indices": [1], "values": [1]}}, "This index requires dense vectors"),
        (
            "DENSE",
            {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}},
            "This index requires dense vectors",
        ),
        ("SPARSE", {"sparseVector": {"indices": [1], "values": [1]}}, None),
        ("SPARSE", {"vector": [1, 2, 3]}, "This index requires sparse vectors"),
        (
            "SPARSE",
            {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}},
            "This index requires sparse vectors",
        ),
        ("HYBRID", {"vector": [1, 2, 3], "sparseVector": {"indices": [1], "values": [1]}}, None),
        ("HYBRID", {"vector": [1, 2, 3]}, "This index requires sparse vectors"),
        ("HYBRID", {"sparseVector": {"indices": [1], "values": [1]}}, "This index requires dense vectors"),
    ],
)
def test_each_index_type_takes_its_vectors_only(
    index_type: str, item: dict[str, Any], refusal: str | None
) -> None:
    with index(index_type=index_type) as server:
        api = Api(server)
        assert api("/upsert", {"id": "a", **GOOD[index_type]}) == "Success"
        for path, success in (("/update", {"updated": 1}), ("/upsert", "Success")):
            assert api(path, {"id": "a", **item}) == (success if refusal is None else (422, refusal))
        api.http.close()


def test_update_changes_what_is_given(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": 1}, "data": "t"})
    assert api("/update", {"id": "a", "data": "new"}) == {"updated": 1}
    assert api("/update", {"id": "a", "metadata": {"y": {"z": 2}}}) == {"updated": 1}
    assert api("/update", {"id": "a", "metadata": {"y": {"w": 3}}, "metadataUpdateMode": "PATCH"}) == {
        "updated": 1
    }
    assert everything(api, "a") == [
        {"id": "a", "vector": [1.0, 2.0], "metadata": {"y": {"z": 2, "w": 3}}, "data": "new"}
    ]
    assert api("/update", {"id": "unknown", "data": "x"}) == {"updated": 0}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "Missing or wrong input at [Source: (ByteArrayInputStream); line: 1, column: 1]"),
        (b'{"id": }', 400, "Missing or wrong input at [Source: (ByteArrayInputStream); line: 1, column: 8]"),
        (b'{"id": NaN}', 400, "Missing or wrong input at"),
        (b'{"id": "\\ud800", "data": "x"}', 400, "Missing or wrong input at"),
        (b"\xff", 400, "Missing or wrong input at"),
        (b"[" * 100_000, 400, "Missing or wrong input at"),
        ([1], 400, "Missing or wrong input at"),
        ("a", 400, "Missing or wrong input at"),
        ({"data": "x"}, 400, "id must be a non-empty string"),
        ({"id": "", "data": "x"}, 400, "id must be a non-empty string"),
        ({"id": True, "data": "x"}, 400, "id must be a non-empty string"),
        ({"id": "a"}, 400, "nothing to update"),
        ({"id": "a", "vector": "x"}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, None]}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, True]}, 400, "vector must be an array of numbers"),
        ({"id": "a", "vector": [1, 1e39]}, 400, "too large"),
        ({"id": "a", "vector": [1, 10**400]}, 400, "too large"),
        (b'{"id": "a", "metadata": {"x": 1e999}}', 400, "metadata holds a number that is too large"),
        ({"id": "a", "metadata": [1]}, 400, "metadata must be an object"),
        ({"id": "a", "metadata": {"x": "y" * 49_150}}, 400, "Metadata is too large"),
        ({"id": "a", "data": 5}, 400, "data must be a string"),
        ({"id": "a", "data": "x" * 1_048_577}, 400, "Data is too large"),
        ({"id": "a", "metadata": {}, "metadataUpdateMode": "MERGE"}, 400, "must be OVERWRITE or PATCH"),
    ],
)
def test_wrong_updates(api: Api, body: Any, status: int, message: str) -> None:
    got_status, got_message = api("/update", body)
    assert got_status == status
    assert message in got_message


@pytest.mark.parametrize(
    ("sparse", "message"),
    [
        ([1], "sparseVector must be an object"),
        ({"values": [1]}, "sparseVector.indices must be an array"),
        ({"indices": [2**31], "values": [1]}, "32-bit integers"),
        ({"indices": [1.5], "values": [1]}, "32-bit integers"),
        ({"indices": [1], "values": ["x"]}, "sparseVector.values must be an array of numbers"),
        ({"indices": [1], "values": [1, 2]}, "same length"),
        ({"indices": [1, 1], "values": [1, 2]}, "must be unique"),
        ({"indices": [*range(1001)], "values": [1] * 1001}, "Too many entries"),
    ],
)
def test_wrong_sparse_vectors(sparse: Any, message: str) -> None:
    with index(index_type="SPARSE") as server:
        api = Api(server)
        assert message in api("/update", {"id": "a", "sparseVector": sparse})[1]
        api.http.close()


def test_a_patch_may_not_make_metadata_too_large(api: Api) -> None:
    api("/upsert", {"id": "a", "vector": [1, 2], "metadata": {"x": "y" * 30_000}})
    patch = {"id": "a", "metadata": {"z": "y" * 30_000}, "metadataUpdateMode": "PATCH"}
    assert "Metadata is too large" in api("/update", patch)[1]
    assert everything(api, "a")[0]["metadata"] == {"x": "y" * 30_000}


def test_fetch_by_ids_or_prefix(api: Api) -> None:
    api("/upsert", [{"id": id, "vector": [1, 2]} for id in ("doc-1", "doc-2", "doc%", "other")])
    assert api("/fetch", {"ids": ["other", "?", "doc-1"]}) == [{"id": "other"}, None, {"id": "doc-1"}]
    assert api("/fetch", {"prefix": "doc-"}) == [{"id": "doc-1"}, {"id": "doc-2"}]
    assert api("/fetch", {"prefix": "doc%"}) == [{"id": "doc%"}]
    assert api("/fetch", {"ids": ["a"], "prefix": "a"})[0] == 400
    assert api("/fetch", {})[0] == 400
    assert api("/fetch", {"prefix": 5})[0] == 400
    assert api("/fetch", {"ids": ["a"], "includeData": "yes"})[0] == 400
    assert api("/fetch", {"ids": ["a"] * 1001})[0] == 400


def test_delete_by_ids(api: Api) -> None:
    api("/upsert", [{"id": id, "vector": [1, 2]} for id in "abcd"])
    assert api("/delete", {"ids": ["a", "b", "?"]}) == {"deleted": 2}
    assert api("/delete", {"ids": "c"}, "DELETE") == {"deleted": 1}
    assert api("/delete", ["d"]) == {"deleted": 1}
    assert api("/delete", {})[0] == 400


def test_reset(api: Api) -> None:
    for path in ("/upsert", "/upsert/ns"):
        api(path, {"id": "a", "vector": [1, 2]})
    assert api("/reset") == "Success"
    assert api("/info", method="GET")["namespaces"] == {
        "": {"vectorCount": 0, "pendingVectorCount": 0},
        "ns": {"vectorCount": 1, "pendingVectorCount": 0},
    }
    assert api("/reset?all", method="DELETE") == "Success"
    assert api("/info")["vectorCount"] == 0


def test_too_many_items(api: Api) -> None:
    assert "Too many items" in api("/upsert", [{"id": "a", "vector": [1, 2]}] * 1001)[1]


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


def test_text_is_embedded_where_there_is_a_model() -> None:
    with index(embedding_model="BGE", index_type="HYBRID", sparse_embedding_model="BM25") as server:
        api = Api(server)
        assert api("/upsert-data", {"id": "a", "data": "the quick fox", "metadata": {"x": 1}}) == "Success"
        (before,) = everything(api, "a")
        assert api("/update", {"id": "a", "data": "a slow fox"}) == {"updated": 1}
        (after,) = everything(api, "a")
        assert api("/info")["denseIndex"]["embeddingModel"] == "BGE"
        api.http.close()
    assert (before["data"], before["metadata"], after["data"]) == ("the quick fox", {"x": 1}, "a slow fox")
    assert before["vector"] != after["vector"]
    assert before["sparseVector"] != after["sparseVector"]


def test_query_modes_of_a_hybrid_index() -> None:
    with index(embedding_model="BGE", index_type="HYBRID", sparse_embedding_model="BM25", dimension=64) as server:
        api = Api(server)
        api("/upsert-data", [{"id": "fox", "data": "quick foxes"}, {"id": "tax", "data": "income tax"}])
        scores = {
            mode: api("/query-data", {"data": "fox", "queryMode": mode}) for mode in ("DENSE", "SPARSE", "HYBRID")
        }
        api.http.close()
    assert [item["id"] for item in scores["DENSE"]] == ["fox", "tax"]
    assert [item["id"] for item in scores["SPARSE"]] == ["fox"]
    assert [item["score"] for item in scores["HYBRID"]] == pytest.approx([2 / 61, 1 / 62])


def test_queries_of_a_hybrid_index_may_have_one_vector() -> None:
    with index(index_type="HYBRID", dimension=2) as server:
        api = Api(server)
        api("/upsert", {"id": "a", "vector": [1, 0], "sparseVector": {"indices": [1], "values": [2]}})
        assert api("/query", {"vector": [1, 0]}) == [{"id": "a", "score": 1.0}]
        assert api("/query", {"sparseVector": {"indices": [1], "values": [3]}}) == [{"id": "a", "score": 6.0}]
        idf = api("/query", {"sparseVector": {"indices": [1], "values": [3]}, "weightingStrategy": "IDF"})
        assert idf[0]["score"] == pytest.approx(6 * math.log(0.5 / 1.5))
        api.http.close()


@pytest.mark.parametrize(
    ("index_type", "query", "status", "message"),
    [
        ("DENSE", {}, 422, "This index requires dense vectors"),
        ("DENSE", {"sparseVector": {"indices": [1], "values": [1]}}, 422, "This index requires dense vectors"),
        ("DENSE", {"vector": [1]}, 422, "Invalid vector dimension: 1, expected: 3"),
        ("SPARSE", {"vector": [1, 2, 3]}, 422, "This index requires sparse vectors"),
        ("SPARSE", {}, 422, "This index requires sparse vectors"),
        ("HYBRID", {}, 422, "This index requires dense vectors"),
        ("DENSE", {"vector": [1, 2, 3], "topK": 1001}, 400, "topK must be a whole number from 1 to 1000"),
        ("DENSE", {"vector": [1, 2, 3], "topK": 0}, 400, "topK must be a whole number from 1 to 1000"),
        ("DENSE", {"vector": [1, 2, 3], "filter": 5}, 400, "filter must be a string"),
        ("DENSE", {"vector": [1, 2, 3], "filter": "a ="}, 400, "expected a string, a number, true or false"),
        ("DENSE", {"vector": [1, 2, 3], "fusionAlgorithm": "SUM"}, 400, "must be one of RRF, DBSF"),
    ],
)
def test_wrong_queries(index_type: str, query: Any, status: int, message: str) -> None:
    with index(index_type=index_type) as server:
        api = Api(server)
        got = api("/query", query)
        api.http.close()
    assert got[0] == status
    assert message in got[1]


def test_filters_with_very_many_conditions_are_refused(api: Api) -> None:
    filter = " OR ".join(["a = 1"] * 5_000)
    assert api("/query", {"vector": [1, 2], "filter": filter}) == (400, "Invalid filter: too many conditions")


def test_queries_see_every_write(api: Api) -> None:
    def found() -> list[str]:
        return [item["id"] for item in api("/query", {"vector": [1, 0]})]

    api("/upsert", [{"id": "a", "vector": [1, 0]}, {"id": "b", "vector": [0, 1]}])
    assert found() == ["a", "b"]
    api("/update", {"id": "b", "vector": [2, 0]})
    api("/update", {"id": "a", "vector": [-1, 0]})
    assert found() == ["b", "a"]
    api("/delete", {"filter": "HAS NOT FIELD x"})
    assert found() == []
    api("/upsert", {"id": "c", "vector": [1, 1]})
    api("/reset")
    assert found() == []
    api("/upsert/old", {"id": "d", "vector": [1, 1]})
    api("/query/old", {"vector": [1, 0]})
    api("/upsert/new", {"id": "e", "vector": [1, 1]})
    names = {"namespace": "old", "newNamespace": "new"}
    assert api("/rename-namespace", names) == {"renamed": False}
    assert api("/rename-namespace", {**names, "deleteExisting": True}) == {"renamed": True}
    assert api("/rename-namespace", names) == {"renamed": False}
    assert [item["id"] for item in api("/query/new", {"vector": [1, 0]})] == ["d"]


def test_pending_vectors_are_not_found_by_queries_yet() -> None:
    with index(indexing_delay=0.5, dimension=2) as server:
        api = Api(server)
        api("/upsert/ns", {"id": "a", "vector": [1, 0]})
        assert api("/info")["namespaces"]["ns"] == {"vectorCount": 1, "pendingVectorCount": 1}
        assert (api("/query/ns", {"vector": [1, 0]}), api("/fetch/ns", {"ids": ["a"]})) == ([], [{"id": "a"}])
        time.sleep(0.6)
        assert api("/info")["pendingVectorCount"] == 0
        assert len(api("/query/ns", {"vector": [1, 0]})) == 1
        api.http.close()


def test_resumable_queries_end_by_themselves_and_are_limited(api: Api) -> None:
    api("/upsert", [{"id": str(number), "vector": [1, number]} for number in range(3)])
    start = {"vector": [1, 0], "topK": 1}
    idle = api("/resumable-query", {**start, "maxIdle": 1})["uuid"]
    time.sleep(1.1)
    assert "no active resumable query" in api("/resumable-query-next", {"uuid": idle, "additionalK": 1})[1]
    active = [api("/resumable-query", start)["uuid"] for _ in range(100)]
    assert api("/resumable-query", start) == (400, "Too many active resumable queries, at most 100")
    assert api("/resumable-query-end", {"uuid": active[0]}) == "Success"
    assert api("/resumable-query-end", {"uuid": active[0]})[0] == 400
    api("/delete", {"ids": ["1"]})
    assert [item["id"] for item in api("/resumable-query-next", {"uuid": active[1], "additionalK": 5})] == ["2"]
    assert api("/resumable-query-next", {"uuid": active[1]})[0] == 400


@pytest.mark.parametrize("cursor", ["x", "-1", 1.5, True, "9" * 30])
def test_wrong_cursors(api: Api, cursor: Any) -> None:
    assert api("/range", {"cursor": cursor, "limit": 5})[0] == 400


def test_text_needs_a_model(api: Api) -> None:
    assert api("/upsert-data", {"id": "a", "data": "text"}) == (422, NEEDS_MODEL)
    assert api("/upsert-data", {"id": "a"})[0] == 400


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
def test_no_body_makes_the_server_fail(shared_server: DevServer, path: str, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    headers = {"Authorization": f"Bearer {shared_server.token}"}
    answer = httpx.post(shared_server.url + path, content=content, headers=headers, trust_env=False)
    assert answer.status_code < 500
    assert answer.status_code == 200 or answer.json()["status"] == answer.status_code


def start_process(*options: str, stderr: int | None = None) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--port", "0", *options]
    environ = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": "t"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("export UPSTASH_VECTOR_REST_URL="):
            return process, line.strip().split("=")[1]
    raise AssertionError(f"the dev server has ended with {process.wait()}")


def test_a_killed_server_has_kept_what_it_acknowledged(tmp_path: Path) -> None:
    database = str(tmp_path / "index.db")
    headers = {"Authorization": "Bearer t"}
    process, url = start_process("--database", database, "--index-type", "hybrid", "--dimension", "2")
    with process, httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
        acknowledged = 0
        for number in range(200):
            sparse = {"indices": [1], "values": [1]}
            answer = http.post("/upsert", json={"id": str(number), "vector": [1, 2], "sparseVector": sparse})
            acknowledged += answer.status_code == 200
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with DevServer(database=database, index_type="HYBRID", dimension=2, token="t") as server:
        assert httpx.get(f"{server.url}/info", headers=headers).json()["result"]["vectorCount"] == acknowledged
    assert acknowledged == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_it_is_asked_to(number: signal.Signals) -> None:
    process, url = start_process(stderr=subprocess.PIPE)
    with process:
        assert httpx.get(f"{url}/info", headers={"Authorization": "Bearer t"}).status_code == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--index-type", "round"], "invalid choice"),
        (["--dimension", "0"], "dev_server: dimension must be from 1 to 5376"),
        (["--port", "99999"], "dev_server: "),
        (["--database", "/nonexistent/index.db"], "dev_server: unable to open database file"),
        (["--database", __file__], "dev_server: file is not a database"),
    ],
)
def test_wrong_options(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_does_not_show_the_token() -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--help"]
    environ = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": "my-secret"}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert "--index-type" in ended.stdout
    assert "my-secret" not in ended.stdout + ended.stderr


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_server_that_cannot_start_leaves_nothing_open(tmp_path: Path, server: DevServer) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    port = int(server.url.rpartition(":")[2])
    server.clear()  # by now its thread has opened all that it needs
    before = open_files()
    for _ in range(5):
        with pytest.raises(ValueError, match="another kind"):
            DevServer(database=tmp_path / "index.db", dimension=3)
        with pytest.raises(OSError, match="in use"):
            DevServer(port=port)
    assert open_files() <= before


def test_a_server_that_was_not_started_can_be_stopped() -> None:
    DevServer().stop()


def test_a_file_of_another_kind_of_index_is_refused(tmp_path: Path) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    with pytest.raises(ValueError, match="holds another kind of index"):
        DevServer(database=tmp_path / "index.db", dimension=3)


def test_specs_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="index_type must be one of"):
        DevServer(index_type="ROUND")
    with pytest.raises(ValueError, match="similarity must be one of"):
        DevServer(similarity="VAGUE")


def test_the_pytest_fixture(upstash_vector_dev_server: DevServer) -> None:
    headers = {"Authorization": f"Bearer {upstash_vector_dev_server.token}"}
    assert httpx.get(f"{upstash_vector_dev_server.url}/info", headers=headers).status_code == 200
