"""Both clients with the dev server and its faults."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, VectorClient, VectorUpdate, errors
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.client.test_vector_update import json_objects
from tests.support.index_fixtures import QUICK, ClientOfEither

STORED = {"id": "a", "vector": [0.1, 0.2], "metadata": {"genre": "drama", "year": 1999}, "data": "text"}


def stored(client: ClientOfEither, namespace: str = "", id: str = "a") -> Any:
    (vector,) = client.fetch([id], namespace, include_vectors=True, include_metadata=True, include_data=True)
    return vector


@pytest.mark.parametrize("namespace", ["", "ns", "a/b", "../x", "ü?#", ".", "..", "%2F", " "])
def test_update_in_any_namespace(client: ClientOfEither, namespace: str) -> None:
    client.upsert([STORED], namespace)
    assert client.update(VectorUpdate(id="a", data="new"), namespace) == 1
    assert stored(client, namespace).data == "new"
    assert client.info().namespaces[namespace].vector_count == 1


def test_only_the_given_fields_change(client: ClientOfEither) -> None:
    client.upsert([STORED])
    assert client.update(VectorUpdate(id="a", vector=[1, 2])) == 1
    vector = stored(client)
    assert (vector.vector, vector.metadata, vector.data) == ([1.0, 2.0], STORED["metadata"], "text")


def test_overwrite_and_patch(client: ClientOfEither) -> None:
    client.upsert([STORED])
    client.update(VectorUpdate(id="a", metadata={"genre": None, "tags": ["x"]}, metadata_update_mode="PATCH"))
    assert stored(client).metadata == {"year": 1999, "tags": ["x"]}
    client.update(VectorUpdate(id="a", metadata={"note": "None"}))
    assert stored(client).metadata == {"note": "None"}


def test_an_unknown_id_is_not_updated(client: ClientOfEither) -> None:
    assert client.update(VectorUpdate(id="a", data="x")) == 0
    assert client.update(VectorUpdate(id="a", data="x"), "no such namespace") == 0
    assert client.fetch(["a"]) == [None]


def test_fetch_keeps_the_order_and_leaves_out_what_is_not_asked_for(client: ClientOfEither) -> None:
    client.upsert([STORED, {"id": "b", "vector": [0, 1]}])
    b, nothing, a = client.fetch(["b", "?", "a"])
    assert (a.id, b.id, nothing) == ("a", "b", None)
    assert (a.vector, a.metadata, a.data, a.sparse_vector) == (None, None, None, None)


def test_reset_empties_one_namespace_or_all(client: ClientOfEither) -> None:
    for namespace in ("one", "two"):
        client.upsert([STORED], namespace)
    client.reset("one")
    info = client.info()
    assert (info.namespaces["one"].vector_count, info.namespaces["two"].vector_count) == (0, 1)
    client.reset(all=True)
    assert client.info().vector_count == 0


def test_info_of_every_index_type(transport: str) -> None:
    for index_type, dense, sparse in [("DENSE", True, False), ("SPARSE", False, True), ("HYBRID", True, True)]:
        with DevServer(index_type=index_type, dimension=3, similarity="EUCLIDEAN") as server:
            either = ClientOfEither(transport, Endpoint.of(server.url, server.token))
            info = either.info()
            either.end()
        assert info.index_type == index_type
        assert (info.dense_index is not None, info.sparse_index is not None) == (dense, sparse)
        assert (info.dimension, info.similarity_function) == ((3, "EUCLIDEAN") if dense else (0, ""))


def test_sparse_vectors_come_back(transport: str) -> None:
    with DevServer(index_type="SPARSE") as server:
        either = ClientOfEither(transport, Endpoint.of(server.url, server.token))
        either.upsert([{"id": "a", "sparse_vector": ([1], [0.5])}])
        assert either.update(VectorUpdate(id="a", sparse_vector=([7, -2], [0.1, 3]))) == 1
        vector = stored(either)
        either.end()
    assert (vector.sparse_vector.indices, vector.sparse_vector.values) == ([7, -2], [0.1, 3.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (VectorUpdate(id="a", vector=[1]), "422 Invalid vector dimension: 1, expected: 2"),
        (VectorUpdate(id="a", sparse_vector=([1], [1])), "422 This index requires dense vectors"),
    ],
)
def test_the_message_of_the_service_is_kept(client: ClientOfEither, change: VectorUpdate, message: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        client.update(change, "ns")
    assert str(caught.value) == f"update of 'a' in namespace 'ns': {message}"


def test_a_wrong_token(transport: str, server: DevServer) -> None:
    either = ClientOfEither(transport, Endpoint.of(server.url, "wrong-token"))
    with pytest.raises(errors.Unauthorized, match="Invalid auth token") as caught:
        either.info()
    either.end()
    assert "wrong-token" not in repr(caught.value)
    assert server.requests["info"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="status", status=500),
        Fault(kind="status", status=502, html=True),
        Fault(kind="status", status=503, retry_after="0"),
        Fault(kind="status", status=429),
        Fault(kind="status", status=429, retry_after="Tue, 31 Mar 2020 12:00:00 GMT"),
        Fault(kind="status", status=408),
        Fault(kind="cut"),
        Fault(kind="cut", applied=True),
        Fault(kind="cut", partial=True, applied=True),
        Fault(kind="slow", seconds=1.5),
        Fault(kind="drip", seconds=0.2),
        Fault(kind="drip", seconds=0.2, headers=True),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.applied}-{fault.partial}-{fault.headers}",
)
def test_transient_errors_are_retried(client: ClientOfEither, server: DevServer, fault: Fault) -> None:
    client.upsert([STORED])
    server.faults.add(replace(fault, command="update"))
    assert client.update(VectorUpdate(id="a", metadata={"n": 1})) == 1
    assert stored(client).metadata == {"n": 1}
    assert server.requests["update"] == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="status", status=503), errors.ServerError),
        (Fault(kind="status", status=429), errors.RateLimited),
        (Fault(kind="cut"), errors.ResponseLost),
    ],
)
def test_a_persistent_error_is_raised_after_five_attempts(
    client: ClientOfEither, server: DevServer, fault: Fault, kind: type[errors.UpstashVectorError]
) -> None:
    server.faults.add(replace(fault, times=9))
    with pytest.raises(kind) as caught:
        client.info()
    assert caught.value.attempts == 5
    assert server.requests["info"] == 5


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="quota"), errors.QuotaExceeded),
        (Fault(kind="status", status=403), errors.Unauthorized),
        (Fault(kind="status", status=404), errors.NotFound),
        (Fault(kind="status", status=413), errors.PayloadTooLarge),
        (Fault(kind="status", status=429, retry_after="121"), errors.RateLimited),
        (Fault(kind="garbage"), errors.InvalidResponse),
        (Fault(kind="huge"), errors.InvalidResponse),
    ],
)
def test_errors_that_are_not_retryable_are_raised_immediately(
    client: ClientOfEither, server: DevServer, fault: Fault, kind: type[errors.UpstashVectorError]
) -> None:
    server.faults.add(replace(fault, times=9))
    with pytest.raises(kind):
        client.info()
    assert server.requests["info"] == 1


def test_a_resumable_query_is_always_ended(client: ClientOfEither, server: DevServer) -> None:
    client.upsert([STORED])
    with pytest.raises(ZeroDivisionError), client.entered("resumable_query", [1, 0]):
        _ = 1 // 0
    assert server.requests["resumable-query-end"] == 1
    with client.entered("resumable_query", [1, 0]) as query:
        assert [result.id for result in query.results] == ["a"]
        server.clear()  # the query no longer exists when it is ended
    server.faults.add(Fault(kind="status", status=503, times=9, command="resumable-query-end"))
    with pytest.raises(errors.ServerError), client.entered("resumable_query", [1, 0]):
        pass
    server.faults.clear()
    server.faults.add(Fault(kind="cut", times=9, command="resumable-query-end"))
    with pytest.raises(ZeroDivisionError), client.entered("resumable_query", [1, 0]):
        _ = 1 // 0


def test_a_resumable_query_of_an_unknown_namespace_sends_nothing_more(
    client: ClientOfEither, server: DevServer
) -> None:
    with client.entered("resumable_query", [1, 0], namespace="unknown") as query:
        assert query.results == []
        assert query.fetch_next(5) == []
        with pytest.raises(errors.InvalidRequest):
            query.fetch_next(0)
    with pytest.raises(ZeroDivisionError), client.entered("resumable_query", [1, 0], namespace="unknown"):
        _ = 1 // 0
    assert server.requests == {"resumable-query": 2}


def test_nothing_to_send_is_not_an_error(client: ClientOfEither, server: DevServer) -> None:
    assert (client.upsert([]), client.fetch([]), client.delete([])) == (0, [], 0)
    assert server.requests == {}


@pytest.mark.parametrize(
    ("name", "arguments", "command"),
    [
        ("rename_namespace", ("one", "two"), "rename-namespace"),
        ("delete_namespace", ("one",), "delete-namespace"),
    ],
)
def test_calls_that_are_not_idempotent_are_sent_once(
    client: ClientOfEither, server: DevServer, name: str, arguments: tuple[str, ...], command: str
) -> None:
    client.upsert([STORED], "one")
    server.faults.add(Fault(kind="cut", applied=True))
    with pytest.raises(errors.ResponseLost):
        getattr(client, name)(*arguments)
    assert server.requests[command] == 1
    server.faults.add(Fault(kind="status", status=429))
    with pytest.raises((errors.NotFound, AssertionError)):
        assert getattr(client, name)(*arguments) is True
    assert server.requests[command] == 3


def test_range_reads_a_page_when_the_one_before_is_used_up(client: ClientOfEither, server: DevServer) -> None:
    client.upsert([{"id": str(number), "vector": [1, 2]} for number in range(25)])
    assert len(client.listed("range", page_size=10)) == 25
    assert server.requests["range"] == 3
    assert client.listed("range", "no such namespace") == []


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a patch by the algorithm of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=json_objects, patch=json_objects)
def test_patch_is_rfc_7396(shared_server: DevServer, before: dict[str, Any], patch: dict[str, Any]) -> None:
    with VectorClient(Endpoint.of(shared_server.url, shared_server.token)) as client:
        client.upsert([{"id": "p", "vector": [1, 2], "metadata": before}])
        for _ in range(2):  # the patch is idempotent
            client.update(VectorUpdate(id="p", metadata=patch, metadata_update_mode="PATCH"))
        (after,) = client.fetch(["p"], include_metadata=True)
    assert after is not None
    assert after.metadata == merge_patch(before, patch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    namespace=st.text(st.characters(codec="utf-8"), max_size=20),
    id=st.text(st.characters(codec="utf-8"), min_size=1),
)
def test_any_namespace_and_id_reach_the_service_as_they_are(
    transport: str, shared_server: DevServer, namespace: str, id: str
) -> None:
    either = ClientOfEither(transport, Endpoint.of(shared_server.url, shared_server.token), QUICK)
    either.upsert([{"id": id, "vector": [1, 2]}], namespace)
    (vector,) = either.fetch([id], namespace)
    names = either.info().namespaces
    either.end()
    assert vector.id == id
    assert namespace in names


def test_both_clients_have_the_same_calls_in_the_same_order() -> None:
    def calls(kind: type) -> list[tuple[str, str, str]]:
        return [
            (name, str(inspect.signature(member)), inspect.getdoc(member) or "")
            for name, member in vars(kind).items()
            if inspect.isfunction(member)
            and not name.startswith("_")
            and name not in {"run", "iterate", "resumable", "send", "flow", "decode", "open", "close"}
        ]

    assert calls(VectorClient) == calls(AsyncVectorClient)
    assert [name for name, *_ in calls(VectorClient)] == [
        "upsert", "upsert_data", "query", "query_data", "query_many", "resumable_query", "fetch", "range",
        "random", "delete", "update", "reset", "info", "list_namespaces", "delete_namespace", "rename_namespace",
        "swap_namespace", "rollback_namespace", "expire_namespaces",
    ]  # fmt: skip
    assert all(doc for *_, doc in calls(VectorClient))


def test_a_method_has_a_signature() -> None:
    assert str(inspect.signature(VectorClient.reset)).startswith("(self, namespace: str | None = None, *, all:")


def test_client_is_a_context_manager_on_both_sides(endpoint: Endpoint) -> None:
    async def use() -> int:
        async with AsyncVectorClient(endpoint) as client:
            counts = await asyncio.gather(*(client.update(VectorUpdate(id="a", data="x")) for _ in range(5)))
            return sum(counts)

    with VectorClient(endpoint) as client:
        client.upsert([STORED])
        assert asyncio.run(use()) == 5
