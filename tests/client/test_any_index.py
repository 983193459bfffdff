"""Every call of both clients, with the dev server in each of its index types.

Also with a real index if ``UPSTASH_VECTOR_REST_URL`` and ``UPSTASH_VECTOR_REST_TOKEN`` are set: in a new
namespace, which is deleted at the end.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, Field, IndexInfo, RetryPolicy, VectorUpdate, errors
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.conftest import REAL_INDEX
from tests.support.index_fixtures import ClientOfEither

INDEXES = ["DENSE", "SPARSE", "HYBRID", *(["real"] if all(REAL_INDEX.values()) else [])]
_INDEXED_WITHIN_SECONDS = 30


class Index:
    """An index and a namespace in it, with a, b and c: c lies between a and b, nearer to b."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.info: IndexInfo = client.info()
        self.namespace = f"contract-test-{uuid.uuid4()}"

    def parts(self, name: str) -> dict[str, Any]:
        first, second = {"a": (1.0, 0.0), "b": (0.0, 1.0), "c": (0.6, 0.8)}[name]
        sparse = [(index, value) for index, value in ((1, first), (2, second)) if value]
        parts: dict[str, Any] = {}
        if self.info.index_type != "SPARSE":
            parts["vector"] = [first, second, *[0.0] * (self.info.dimension - 2)]
        if self.info.index_type != "DENSE":
            parts["sparse_vector"] = ([index for index, _ in sparse], [value for _, value in sparse])
        return parts

    def fill(self) -> None:
        vectors = [
            {
                "id": name,
                **self.parts(name),
                "metadata": {"name": name, "length": number, "tags": [name, "all"]},
                "data": f"text {name}",
            }
            for number, name in enumerate("abc")
        ]
        assert self.client.upsert(vectors, self.namespace) == 3
        self.wait_until_indexed()

    def wait_until_indexed(self) -> None:
        ends = time.monotonic() + _INDEXED_WITHIN_SECONDS
        pause = 0.02
        while self.client.info().namespaces[self.namespace].pending_vector_count:
            assert time.monotonic() < ends
            time.sleep(pause)
            pause = min(2 * pause, 0.5)

    def all(self, **options: Any) -> list[str]:
        """Return the ids of all vectors of the namespace, by range."""
        return [vector.id for vector in self.client.listed("range", self.namespace, **options)]

    def ids(self, results: Any) -> list[Any]:
        return [item and item.id for item in results]


@pytest.fixture(scope="module", params=INDEXES)
def endpoint_of_any(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    if request.param == "real":
        yield Endpoint.of(REAL_INDEX["UPSTASH_VECTOR_REST_URL"], REAL_INDEX["UPSTASH_VECTOR_REST_TOKEN"])
    else:
        with DevServer(index_type=request.param, dimension=3, indexing_delay=0.05) as server:
            yield Endpoint.of(server.url, server.token)


@pytest.fixture
def index(endpoint_of_any: Endpoint, transport: str) -> Iterator[Index]:
    client = ClientOfEither(transport, endpoint_of_any, RetryPolicy())
    index = Index(client)
    try:
        index.fill()
        yield index
    finally:
        if index.namespace in client.list_namespaces():
            client.delete_namespace(index.namespace)
        client.end()


def test_fetch(index: Index) -> None:
    b, nothing, a = index.client.fetch(
        ["b", "none", "a"], index.namespace, include_vectors=True, include_metadata=True, include_data=True
    )
    assert (b.id, nothing, a.id, a.data) == ("b", None, "a", "text a")
    assert a.metadata == {"name": "a", "length": 0, "tags": ["a", "all"]}
    assert (b.vector or [0.0, 1.0])[:2] == [0.0, 1.0]
    assert b.sparse_vector is None or (b.sparse_vector.indices, b.sparse_vector.values) == ([2], [1.0])
    assert index.ids(index.client.fetch("c", index.namespace)) == ["c"]
    assert index.ids(index.client.fetch(prefix="b", namespace=index.namespace)) == ["b"]


def test_query(index: Index) -> None:
    query = index.client.query
    results = query(namespace=index.namespace, **index.parts("a"), top_k=2, include_metadata=True)
    assert index.ids(results) == ["a", "c"]
    assert results[0].score > results[1].score
    assert results[0].metadata["name"] == "a"
    assert results[0].vector is results[0].data is None
    assert query(namespace=f"{index.namespace}-unknown", **index.parts("a")) == []


@pytest.mark.parametrize(
    "filter", [Field("length") >= 1, "length >= 1", Field("name").isin(["b", "c"]) & Field("tags").contains("all")]
)
def test_query_with_a_filter(index: Index, filter: Any) -> None:
    results = index.client.query(namespace=index.namespace, **index.parts("c"), filter=filter)
    assert sorted(index.ids(results)) == ["b", "c"]


def test_query_many(index: Index) -> None:
    queries = [{**index.parts(name), "top_k": 1} for name in "abc"]
    assert [index.ids(results) for results in index.client.query_many(queries, index.namespace)] == [
        ["a"],
        ["b"],
        ["c"],
    ]
    assert [index.ids(results) for results in index.client.query_many(queries[:1], index.namespace)] == [["a"]]


def test_update(index: Index) -> None:
    assert index.client.update(VectorUpdate(id="a", **index.parts("b")), index.namespace) == 1
    patch = VectorUpdate(id="a", metadata={"name": None, "x": 1}, metadata_update_mode="PATCH")
    assert index.client.update(patch, index.namespace) == 1
    assert index.client.update(VectorUpdate(id="none", data="x"), index.namespace) == 0
    (a,) = index.client.fetch("a", index.namespace, include_metadata=True)
    assert a.metadata == {"length": 0, "tags": ["a", "all"], "x": 1}


def test_resumable_query(index: Index) -> None:
    with index.client.entered("resumable_query", namespace=index.namespace, **index.parts("c"), top_k=1) as query:
        assert index.ids(query.results) == ["c"]
        assert [len(query.fetch_next(additional_k=count)) for count in (1, 5, 5)] == [1, 1, 0]


def test_range(index: Index) -> None:
    names = [f"more-{number}" for number in range(25)]
    index.client.upsert([{"id": name, **index.parts("a")} for name in names], index.namespace)
    assert sorted(index.all(page_size=10)) == sorted([*"abc", *names])
    assert sorted(index.all(page_size=7, prefix="more-1")) == sorted(name for name in names if name[5] == "1")


def test_random(index: Index) -> None:
    assert index.client.random(index.namespace).id in {"a", "b", "c"}
    assert index.client.random(f"{index.namespace}-unknown") is None


def test_delete(index: Index) -> None:
    delete = index.client.delete
    assert delete(filter=Field("name") == "a", namespace=index.namespace) == 1
    assert delete(prefix="b", namespace=index.namespace) == 1
    assert delete(["c", "none"], index.namespace) == 1
    assert index.ids(index.client.fetch(["a", "b", "c"], index.namespace)) == [None] * 3


def test_namespaces(index: Index) -> None:
    renamed = f"{index.namespace}-renamed"
    assert index.client.rename_namespace(index.namespace, renamed)
    try:
        names = index.client.list_namespaces()
        assert (renamed in names, index.namespace in names, "" in names) == (True, False, True)
        index.client.reset(renamed)
        assert index.client.info().namespaces[renamed].vector_count == 0
    finally:
        index.client.delete_namespace(renamed)
    with pytest.raises(errors.NotFound, match="does not exist"):
        index.client.delete_namespace(renamed)


def test_errors_of_the_service(index: Index) -> None:
    with pytest.raises(errors.BadRequest):
        index.client.query(namespace=index.namespace, **index.parts("a"), filter="name = ")
    wrong: dict[str, Any] = {"vector": [1.0]} if index.info.index_type != "SPARSE" else {"vector": [1.0, 2.0]}
    with pytest.raises(errors.BadRequest):
        index.client.upsert([{"id": "x", **index.parts("a"), **wrong}], index.namespace)
