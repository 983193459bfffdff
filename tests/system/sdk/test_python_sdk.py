"""The vendor's Python SDK works with the dev server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import upstash_vector
from upstash_vector.types import Data, FusionAlgorithm, MetadataUpdateMode, QueryMode, WeightingStrategy

from airflow_provider_upstash_vector.dev_server import DevServer

NAMESPACE = "sdk-py"  # the SDK does not encode names
DENSE: dict[str, list[float]] = {"a": [1, 0], "b": [0, 1], "c": [0.6, 0.8]}
SPARSE: dict[str, tuple[list[int], list[float]]] = {"a": ([1], [1]), "b": ([2], [1]), "c": ([1, 2], [0.6, 0.8])}


@pytest.fixture(scope="module", params=["DENSE", "SPARSE", "HYBRID"])
def server(request: pytest.FixtureRequest) -> Iterator[DevServer]:
    models: dict[str, Any] = {"embedding_model": "stand-in", "sparse_embedding_model": "BM25"}
    with DevServer(index_type=request.param, dimension=2, **models) as server:
        yield server


@pytest.fixture
def index(server: DevServer) -> Iterator[Any]:  # Any: the types of the SDK do not accept options from a dict
    server.clear()
    index: Any = upstash_vector.Index(url=server.url, token=server.token, retries=0, allow_telemetry=False)
    vectors = [
        upstash_vector.Vector(
            id=name,
            vector=DENSE[name] if server.spec.is_dense else None,
            sparse_vector=SPARSE[name] if server.spec.is_sparse else None,
            metadata={"name": name, "length": ord(name), "tags": [name, "all"]},
            data=f"text {name}",
        )
        for name in "abc"
    ]
    assert index.upsert(vectors, namespace=NAMESPACE) == "Success"
    yield index
    index._client.close()


def parts(server: DevServer, name: str) -> dict[str, Any]:
    return ({"vector": DENSE[name]} if server.spec.is_dense else {}) | (
        {"sparse_vector": SPARSE[name]} if server.spec.is_sparse else {}
    )


def ids(items: Any) -> list[Any]:
    return [item and item.id for item in items]


def test_fetch(index: Any, server: DevServer) -> None:
    flags = {"include_vectors": True, "include_metadata": True, "include_data": True}
    b, nothing, a = index.fetch(["b", "none", "a"], namespace=NAMESPACE, **flags)
    assert (nothing, a.id, b.id, a.data) == (None, "a", "b", "text a")
    assert a.metadata == {"name": "a", "length": 97, "tags": ["a", "all"]}
    assert b.vector == ([0.0, 1.0] if server.spec.is_dense else None)
    assert not server.spec.is_sparse or (b.sparse_vector.indices, b.sparse_vector.values) == ([2], [1.0])
    assert ids(index.fetch(prefix="c", namespace=NAMESPACE)) == ["c"]
    assert ids(index.fetch("a", namespace=NAMESPACE)) == ["a"]


def test_query(index: Any, server: DevServer) -> None:
    matches = index.query(**parts(server, "a"), top_k=2, include_metadata=True, namespace=NAMESPACE)
    assert ids(matches) == ["a", "c"]
    assert matches[0].score > matches[1].score
    filtered = index.query(**parts(server, "a"), filter="tags CONTAINS 'b' OR length > 98", namespace=NAMESPACE)
    assert sorted(ids(filtered)) == (["b", "c"] if server.spec.is_dense else ["c"])
    for fusion in FusionAlgorithm:
        options = {"fusion_algorithm": fusion, "weighting_strategy": WeightingStrategy.IDF}
        assert index.query(**parts(server, "a"), top_k=1, namespace=NAMESPACE, **options)


def test_query_many(index: Any, server: DevServer) -> None:
    queries: list[Any] = [{**parts(server, name), "top_k": 1} for name in "ab"]
    assert [ids(matches) for matches in index.query_many(queries=queries, namespace=NAMESPACE)] == [["a"], ["b"]]
    assert [ids(matches) for matches in index.query_many(queries=queries[:1], namespace=NAMESPACE)] == [["a"]]


def test_resumable_query(index: Any, server: DevServer) -> None:
    result, handle = index.resumable_query(**parts(server, "c"), top_k=1, namespace=NAMESPACE, max_idle=60)
    with handle:
        assert ids(result) == ["c"]
        assert [len(handle.fetch_next(count)) for count in (1, 5, 5)] == [1, 1, 0]
    with pytest.raises(upstash_vector.errors.UpstashError, match="no active resumable query"):
        handle.fetch_next(1)


def test_range(index: Any) -> None:
    first = index.range(cursor="", limit=2, namespace=NAMESPACE, include_metadata=True)
    second = index.range(cursor=first.next_cursor, limit=2, namespace=NAMESPACE)
    assert (ids(first.vectors), ids(second.vectors), second.next_cursor) == (["a", "b"], ["c"], "")
    assert ids(index.range(cursor="0", limit=9, prefix="b", namespace=NAMESPACE).vectors) == ["b"]


def test_update(index: Any, server: DevServer) -> None:
    assert index.update("a", **parts(server, "b"), namespace=NAMESPACE)
    patch = {"metadata": {"name": None, "x": 1}, "metadata_update_mode": MetadataUpdateMode.PATCH}
    assert index.update("a", namespace=NAMESPACE, **patch)
    assert not index.update("none", data="x", namespace=NAMESPACE)
    (a,) = index.fetch(["a"], include_metadata=True, namespace=NAMESPACE)
    assert a is not None
    assert a.metadata == {"length": 97, "tags": ["a", "all"], "x": 1}


def test_delete(index: Any) -> None:
    assert index.delete(filter="name = 'a'", namespace=NAMESPACE).deleted == 1
    assert index.delete(prefix="b", namespace=NAMESPACE).deleted == 1
    assert index.delete(["c", "none"], namespace=NAMESPACE).deleted == 1


def test_info_namespaces_and_reset(index: Any, server: DevServer) -> None:
    info = index.info()
    assert (info.vector_count, info.namespaces[NAMESPACE].vector_count) == (3, 3)
    assert (info.dense_index is not None, info.sparse_index is not None) == (
        server.spec.is_dense,
        server.spec.is_sparse,
    )
    assert index.list_namespaces() == ["", NAMESPACE]
    assert index.reset(namespace=NAMESPACE) == "Success"
    assert index.info().vector_count == 0
    index.delete_namespace(NAMESPACE)
    assert index.list_namespaces() == [""]
    with pytest.raises(upstash_vector.errors.UpstashError, match="does not exist"):
        index.delete_namespace(NAMESPACE)
    assert index.reset(all=True) == "Success"


def test_text(index: Any, server: DevServer) -> None:
    texts = [("fox", "quick brown foxes jump"), ("tax", "income tax forms")]
    index.upsert([Data(id=id, data=text) for id, text in texts])
    matches = index.query(data="a fox that jumps", top_k=1, include_data=True)
    assert (matches[0].id, matches[0].data) == ("fox", "quick brown foxes jump")
    if server.spec.index_type == "HYBRID":
        for mode in QueryMode:
            assert ids(index.query(data="taxes", top_k=1, query_mode=mode)) == ["tax"]
    result, handle = index.resumable_query(data="taxes", top_k=1)
    handle.stop()
    assert ids(result) == ["tax"]
    assert [
        ids(matches)
        for matches in index.query_many(queries=[{"data": "fox", "top_k": 1}, {"data": "tax", "top_k": 1}])
    ] == [["fox"], ["tax"]]


def test_random_and_rename_by_raw_requests_as_the_sdk_lacks_them(index: Any) -> None:
    assert index._execute_request(None, f"/random/{NAMESPACE}")["id"] in {"a", "b", "c"}
    renamed = index._execute_request({"namespace": NAMESPACE, "newNamespace": "new"}, "/rename-namespace")
    assert renamed == {"renamed": True}
    assert index.list_namespaces() == ["", "new"]


def test_the_async_client(server: DevServer, index: Any) -> None:
    async def use() -> Any:
        asynchronous: Any = upstash_vector.AsyncIndex(url=server.url, token=server.token, retries=0)
        async with asynchronous._client:
            return await asynchronous.query(**parts(server, "b"), top_k=1, namespace=NAMESPACE)

    assert ids(asyncio.run(use())) == ["b"]
