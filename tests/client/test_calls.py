"""Operations of several calls, and invalid arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Data, Query, RetryPolicy, errors, retry, wire
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.client.redaction import Redactor

SUCCESS = wire.Response(200, {}, b'{"result": "Success"}')


def items(count: int, **more: Any) -> Iterator[dict[str, Any]]:
    return ({"id": str(number), "vector": [0.5], **more} for number in range(count))


def drive(request: Any, responses: Iterator[wire.Response]) -> tuple[list[retry.Send], Any]:
    """Send a response to each request of a flow; return the requests and the result."""
    flow = retry.flow(request, RetryPolicy(max_attempts=1), Redactor())
    sent = [next(flow)]
    try:
        while True:
            sent.append(flow.send(next(responses)))
    except StopIteration as end:
        return sent, end.value  # type: ignore[return-value]  # no waits with one attempt


def test_upserts_are_cut_at_1000_items_in_order() -> None:
    sent, count = drive(wire.upsert(items(2_500), "ns"), iter([SUCCESS] * 3))
    assert count == 2_500
    assert [len(json.loads(send.body)) for send in sent] == [1_000, 1_000, 500]
    assert [item["id"] for send in sent for item in json.loads(send.body)] == [str(n) for n in range(2_500)]


def test_upserts_are_cut_at_1_mb() -> None:
    sent, _ = drive(wire.upsert(items(30, data="x" * 100_000)), iter([SUCCESS] * 3))
    assert [len(json.loads(send.body)) for send in sent] == [10, 10, 10]
    assert all(len(send.body) <= 1024 * 1024 for send in sent)
    sent, _ = drive(wire.upsert(items(2, data="x" * 1_048_576)), iter([SUCCESS] * 2))
    assert len(sent) == 2  # one that is larger by itself goes alone


def test_an_iterable_is_read_as_it_is_sent() -> None:
    read = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal read
        for item in items(5_000):
            read += 1
            yield item

    flow = retry.flow(wire.upsert(counted()), RetryPolicy(), Redactor())
    next(flow)
    assert read == 1_001


def test_nothing_to_upsert_sends_nothing() -> None:
    with pytest.raises(StopIteration) as ended:
        next(retry.flow(wire.upsert([]), RetryPolicy(), Redactor()))
    assert ended.value.value == 0


def test_an_error_has_the_number_of_written_vectors() -> None:
    responses = iter([SUCCESS, SUCCESS, wire.Response(422, {}, b'{"error": "no"}')])
    with pytest.raises(errors.BadRequest) as caught:
        drive(wire.upsert(items(2_500), "ns"), responses)
    assert caught.value.written == 2_000
    assert str(caught.value) == "upsert in namespace 'ns': 422 no (2,000 vectors were already written)"
    caught.value.written = 1
    assert str(caught.value).endswith("(1 vector was already written)")


def test_an_invalid_item_is_reported_with_its_number() -> None:
    wrong = [*items(1_500), {"id": "bad", "vector": [float("nan")]}]
    with pytest.raises(InvalidRequest) as caught:
        drive(wire.upsert(wrong, "ns"), iter([SUCCESS] * 3))
    assert caught.value.written == 1_000
    assert "upsert in namespace 'ns': item 1500, vector: element 0, nan" in str(caught.value)


@pytest.mark.parametrize("wrong", [{"id": "a"}, 5, None])
def test_anything_but_a_list_of_vectors_is_rejected(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be a list or another iterable"):
        drive(wire.upsert(wrong), iter([]))
    with pytest.raises(InvalidRequest, match="item 0, Vector: must be an object with its fields"):
        drive(wire.upsert([("a", [1])]), iter([]))  # type: ignore[list-item]  # the mistake in question


def test_texts() -> None:
    sent, count = drive(
        wire.upsert_data([Data(id="a", data="x"), {"id": "b", "data": "y", "metadata": {"n": 1}}]), iter([SUCCESS])
    )
    assert (count, sent[0].path) == (2, "/upsert-data")
    assert json.loads(sent[0].body) == [{"id": "a", "data": "x"}, {"id": "b", "data": "y", "metadata": {"n": 1}}]


def test_many_ids_are_sent_in_several_requests() -> None:
    ids = [str(number) for number in range(2_300)]

    def responses(key: str) -> Iterator[wire.Response]:
        for count in (1_000, 1_000, 300):
            result: Any = {"deleted": count} if key == "deleted" else [None] * count
            yield wire.Response(200, {}, json.dumps({"result": result}).encode())

    sent, vectors = drive(wire.fetch(ids), responses("fetched"))
    assert (len(sent), len(vectors)) == (3, 2_300)
    sent, deleted = drive(wire.delete(iter(ids)), responses("deleted"))
    assert [len(json.loads(send.body)["ids"]) for send in sent] == [1_000, 1_000, 300]
    assert deleted == 2_300


def test_an_error_of_the_iterable_has_the_number_of_written_vectors() -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield from items(2_500)
        raise RuntimeError("the cursor is gone")

    with pytest.raises(RuntimeError, match="the cursor is gone") as caught:
        drive(wire.upsert(failing()), iter([SUCCESS] * 3))
    assert caught.value.written == 2_000  # type: ignore[attr-defined]  # set by the upsert


def test_an_update_may_be_a_mapping() -> None:
    assert wire.update({"id": "a", "data": "x"}).body == b'{"id":"a","data":"x"}'


def test_a_repeated_cursor_is_an_error() -> None:
    page = wire.Response(200, {}, b'{"result": {"nextCursor": "7", "vectors": []}}')
    with pytest.raises(errors.InvalidResponse, match="loop forever"):
        drive(wire.range(), iter([page] * 3))
    with pytest.raises(errors.InvalidResponse, match="loop forever"):
        drive(wire.range_page(cursor="7"), iter([page]))


@pytest.mark.parametrize("vectors", ["[7]", '[{"vector": [1]}]', "7"])
def test_vectors_of_a_plain_page_have_an_id(vectors: str) -> None:
    page = wire.Response(200, {}, f'{{"result": {{"nextCursor": "", "vectors": {vectors}}}}}'.encode())
    with pytest.raises(errors.InvalidResponse, match=r"an object with an id|\"vectors\" must be"):
        drive(wire.range_page(), iter([page]))


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (lambda prefix: wire.range(prefix=prefix), {"nextCursor": "", "vectors": [{"id": "v1"}, {"id": "w"}]}),
        (lambda prefix: wire.range_page(prefix=prefix), {"nextCursor": "", "vectors": [{"id": "w"}]}),
        (lambda prefix: wire.fetch(prefix=prefix), [{"id": "v1"}, {"id": "w"}]),
    ],
)
def test_what_is_read_by_prefix_has_it(call: Any, result: Any) -> None:
    """Or a delete of what was read would delete others."""
    response = wire.Response(200, {}, json.dumps({"result": result}).encode())
    with pytest.raises(errors.InvalidResponse, match="each id must begin with 'v'"):
        drive(call("v"), iter([response]))
    drive(call(""), iter([response]))


def test_a_response_with_too_few_entries_is_invalid() -> None:
    with pytest.raises(errors.InvalidResponse, match="expected 2 lists of results, got 1"):
        drive(wire.query_many([{"vector": [1]}] * 2), iter([wire.Response(200, {}, b'{"result": [[]]}')]))
    with pytest.raises(errors.InvalidResponse, match="expected 2 entries, got 0"):
        drive(wire.fetch(["a", "b"]), iter([wire.Response(200, {}, b'{"result": []}')]))


def args(*args: Any, **options: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, options


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (wire.fetch, args(), "set exactly one of ids and prefix"),
        (wire.fetch, args(["a"], prefix="a"), "set exactly one of ids and prefix"),
        (wire.fetch, args(5.0), "id: must be text, a whole number or a UUID, got float 5.0; pandas' type Int64"),
        (wire.fetch, args([""]), "id: must not be empty"),
        (wire.delete, args(), "set exactly one of ids, prefix and filter"),
        (wire.delete, args("a", filter="x = 1"), "set exactly one of ids, prefix and filter"),
        (wire.delete, args(prefix=""), "would delete everything: use reset"),
        (wire.delete, args(filter=""), "would delete everything: use reset"),
        (wire.delete, args(filter=5), "filter: must be text or a Filter, got int"),
        (wire.range, args(page_size=0), "page_size: must be a whole number from 1 to 1,000"),
        (wire.query, args(), "set either data, or vector, sparse_vector or both"),
        (wire.query, args([1], data="x"), "set either data, or vector, sparse_vector or both"),
        (wire.query, args([1], top_k=0), "top_k: must be a whole number from 1 to 1,000"),
        (wire.query, args([1], top_k=1_001), "top_k: must be a whole number from 1 to 1,000"),
        (wire.query, args([1], top_k=True), "top_k: must be a whole number from 1 to 1,000"),
        (wire.query, args([1], topk=5), "topk: there is no such field"),
        (wire.query, args([1], fusion_algorithm="SUM"), "fusion_algorithm: must be RRF or DBSF, got str 'SUM'"),
        (wire.query, args([1], weighting_strategy=1), "weighting_strategy: must be IDF, got int 1"),
        (wire.query, args([1], query_mode="DENSE"), "query_mode: applies to queries by data only"),
        (wire.query_data, args(5), "data: must be text, got int 5"),
        (wire.query_many, args([]), "queries: must be 1 to 1,000, got 0"),
        (wire.query_many, args([{"vector": [1]}, {"data": "x"}]), "all by vectors or all by data"),
        (wire.resumable_query, args([1], max_idle=0), "max_idle: must be a whole number from 1 to 86,400"),
        (wire.resumable_query_next, args("u", 0), "additional_k: must be a whole number from 1 to 1,000"),
        (wire.resumable_query, args([1], max_idle=2**70), "max_idle: must be a whole number from 1 to 86,400"),
        (wire.reset, args(False), "namespace: must be text, a whole number or a UUID, got bool False"),
        (
            wire.upsert,
            args([{"id": "a", "vector": [1]}], 0.0),
            "or a UUID, got float 0.0",
        ),
        (wire.reset, args("x", all="false"), "all: must be true or false, got str 'false'"),
        (wire.range, args(page_size="5"), "page_size: must be a whole number from 1 to 1,000"),
        (wire.range, args(prefix="\ud800"), "prefix: unpaired surrogate"),
        (wire.fetch, args(prefix=5), "prefix: must be text, got int 5"),
        (wire.delete, args(prefix=object()), "prefix: must be text"),
        (wire.delete, args(filter="\ud800"), "filter: unpaired surrogate"),
        (wire.fetch, args("a", include_data="yes"), "include_data: must be true or false"),
        (wire.query, args([1], include_data="yes"), "must be true or false"),
        (wire.query_many, args(None), "queries: must be a list of queries"),
        (wire.update, args(None), "VectorUpdate: must be an object with its fields"),
        (wire.resumable_query_next, args(object(), 1), "is not JSON serializable"),
        (wire.rename_namespace, args("a", "b", delete_existing=1), "delete_existing: must be true or false"),
        (wire.delete_namespace, args(""), "the default namespace cannot be deleted"),
        (
            wire.rename_namespace,
            args("", "b"),
            "namespace: the default namespace can be neither renamed nor replaced",
        ),
        (
            wire.rename_namespace,
            args("a", ""),
            "new_namespace: the default namespace can be neither renamed nor replaced",
        ),
    ],
)
def test_invalid_arguments_are_rejected(build: Any, arguments: Any, message: str) -> None:
    positional, options = arguments
    with pytest.raises(InvalidRequest) as caught:
        drive(build(*positional, **options), iter([]))
    assert message in str(caught.value)


def test_a_query_in_full() -> None:
    call = wire.query(
        [0.5],
        "ns",
        sparse_vector=([1], [0.5]),
        top_k=3,
        filter="a = 1",
        include_vectors=True,
        weighting_strategy="idf",
        fusion_algorithm="dbsf",
    )
    assert call.path == "/query/ns"
    assert json.loads(call.body) == {
        "vector": [0.5],
        "sparseVector": {"indices": [1], "values": [0.5]},
        "topK": 3,
        "filter": "a = 1",
        "includeVectors": True,
        "includeMetadata": False,
        "includeData": False,
        "weightingStrategy": "IDF",
        "fusionAlgorithm": "DBSF",
    }
    assert wire.query(data="x", query_mode="sparse").path == "/query-data"
    assert wire.query_data("x", "ns").path == "/query-data/ns"
    assert wire.query_many([Query(data="x")]).path == "/query-data"
    assert wire.resumable_query(data="x", max_idle=5).path == "/resumable-query-data"
    assert json.loads(wire.resumable_query(data="x", max_idle=5).body)["maxIdle"] == 5


def test_which_calls_are_not_sent_twice() -> None:
    once: list[Any] = [
        wire.rename_namespace("a", "b"),
        wire.delete_namespace("a"),
        next(wire.resumable_query_next("u", 1)),
    ]
    assert not any(call.idempotent for call in once)
    for call in once:
        assert "ot sent again after a lost response" in " ".join((getattr(wire, call.name).__doc__ or "").split())
    often: list[Any] = [
        wire.reset(),
        wire.info(),
        wire.random(),
        wire.list_namespaces(),
        wire.query([1]),
        wire.query_many([{"vector": [1]}]),
        next(wire.resumable_query_end("u")),
    ]
    often += [
        next(wire.upsert(items(1))),
        next(wire.fetch(["a"])),
        next(wire.delete("a")),
        next(wire.range()),
    ]
    assert all(call.idempotent for call in often)


@pytest.mark.parametrize(
    ("call", "result", "message"),
    [
        (wire.rename_namespace("a", "b"), {"renamed": 1}, '"renamed" must be of type bool'),
        (wire.list_namespaces(), ["", 5], "1: Input should be a valid string"),
        (wire.query([1]), [{"id": "a"}], "0.score: Field required"),
        (wire.random(), [], "Input should be a valid"),
    ],
)
def test_invalid_results(call: wire.Call[Any], result: Any, message: str) -> None:
    with pytest.raises(errors.InvalidResponse, match=message):
        wire.decode(call, wire.Response(200, {}, json.dumps({"result": result}).encode()), 0.0, Redactor())
