"""The reader over connections: limits of time, its cache, errors without secrets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, RetryPolicy, VectorClient
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.connection_settings import ConnectionSettings
from airflow_provider_upstash_vector.index_page.reader import ReadFailed, Search
from airflow_provider_upstash_vector.plugins import index_reader
from airflow_provider_upstash_vector.plugins.index_reader import CACHE_SECONDS, PAGE_VECTORS, ConnectionIndexes
from tests.support.index_fixtures import ManualClock

SECRET = "secret-token-of-an-index"


@pytest.fixture
def index() -> Iterator[DevServer]:
    with DevServer(token=SECRET, embedding_model="BGE") as server:
        with VectorClient(Endpoint.of(server.url, SECRET)) as client:
            vectors = [
                {"id": f"m-{n}", "vector": [1, n], "metadata": {"n": n}, "data": f"d{n}"} for n in range(30)
            ]
            client.upsert(vectors, "films")
        server.requests.clear()
        yield server


def settings(url: str, token: str = SECRET) -> ConnectionSettings:
    return ConnectionSettings(endpoint=Endpoint.of(url, token), namespace="films", policy=RetryPolicy())


def test_it_reads_facts_pages_searches_and_vectors(index: DevServer) -> None:
    indexes = ConnectionIndexes({"movies": settings(index.url)}.__getitem__)

    async def read() -> None:
        facts = await indexes.facts("movies")
        assert (facts.vectors, facts.dimension, facts.models, facts.default_namespace) == (30, 2, ["BGE"], "films")
        page = await indexes.vectors("movies", "films", "", "")
        rest = await indexes.vectors("movies", "films", "", page.next_cursor)
        assert [vector.id for vector in [*page.vectors, *rest.vectors]] == [f"m-{n}" for n in range(30)]
        assert rest.next_cursor == ""
        found = await indexes.search("movies", "films", Search(vector=[1, 0], filter="n < 2"))
        assert [vector.id for vector in found] == ["m-0", "m-1"]
        assert found[0].score == 1
        assert await indexes.search("movies", "films", Search(text="a text"))
        vector = await indexes.vector("movies", "films", "m-3")
        assert vector is not None
        assert (vector.vector, vector.metadata, vector.data) == ([1, 3], {"n": 3}, "d3")
        assert await indexes.vector("movies", "films", "unknown") is None

    asyncio.run(read())


def test_facts_are_shared_for_a_few_seconds(index: DevServer) -> None:
    clock = ManualClock()
    indexes = ConnectionIndexes({"movies": settings(index.url)}.__getitem__, clock)

    async def read() -> None:
        await asyncio.gather(*(indexes.facts("movies") for _ in range(5)))
        clock.now += CACHE_SECONDS - 0.1
        await indexes.facts("movies")
        assert index.requests["info"] == 1
        clock.now += 0.1
        await indexes.facts("movies")
        assert index.requests["info"] == 2

    asyncio.run(read())


def limit(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(index_reader, "_POLICY", replace(index_reader._POLICY, request_timeout_seconds=seconds))


def test_dead_indexes_are_asked_once(index: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        silent_url, closed_url = (f"http://127.0.0.1:{s.getsockname()[1]}" for s in (silent, closed))
        index.faults.add(Fault(kind="status", status=503))
        urls = {"silent": silent_url, "closed": closed_url, "busy": index.url}
        indexes = ConnectionIndexes(lambda id: settings(urls[id]))

        async def read() -> list[Any]:
            return await asyncio.gather(*(indexes.facts(id) for id in urls), return_exceptions=True)

        errors = dict(zip(urls, asyncio.run(read()), strict=True))
    assert all(isinstance(error, ReadFailed) and SECRET not in error.message for error in errors.values())
    assert "check host and port" in errors["closed"].message
    assert "503" in errors["busy"].message
    assert "within 0.3 s" in errors["silent"].message
    assert index.requests["info"] == 1


def test_a_secrets_backend_that_hangs_holds_no_other_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_reader, "TIMEOUT_SECONDS", 0.2)
    end = threading.Event()

    def hang(_: str) -> ConnectionSettings:
        end.wait(120)
        raise InvalidEndpoint("too late")

    async def read() -> None:
        indexes = ConnectionIndexes(hang)
        hung = [indexes.facts(f"index-{n}") for n in range(40)]  # more than the event loop has threads
        try:
            errors = await asyncio.wait_for(asyncio.gather(*hung, return_exceptions=True), 60)
            assert all("was not read within" in str(error) for error in errors)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 60) == "done"
        finally:
            end.set()

    asyncio.run(read())


def test_indexes_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 60)
    count = 10

    async def read() -> None:
        arrived: list[asyncio.StreamWriter] = []
        all_arrived = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            arrived.append(writer)
            if len(arrived) == count:
                all_arrived.set()
            await all_arrived.wait()
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        indexes = ConnectionIndexes(lambda _: settings(url))
        async with server:
            names = [f"index-{n}" for n in range(count)]
            errors = await asyncio.gather(*map(indexes.facts, names), return_exceptions=True)
        assert all("503" in str(error) for error in errors)

    asyncio.run(read())


def fail_with(error: Exception) -> Any:
    def read(_: str) -> ConnectionSettings:
        raise error

    return read


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidEndpoint("The REST URL is missing"), "The REST URL is missing"),
        (RuntimeError(f"vault: {SECRET}"), "could not be read: RuntimeError"),
    ],
)
def test_errors_of_connections(error: Exception, message: str) -> None:
    indexes = ConnectionIndexes(fail_with(error))

    async def read() -> None:
        for reading in (indexes.facts("a"), indexes.vectors("a", "", "", ""), indexes.vector("a", "", "x")):
            with pytest.raises(ReadFailed, match=message) as raised:
                await reading
            assert SECRET not in str(raised.value)

    asyncio.run(read())


VECTOR = {"id": "a", "vector": [1, 2]}


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([{"id": "a", "metadata": [SECRET]}], "not as documented"),
        ([{"id": 1}], "not as documented"),
        ([VECTOR] * 10_000, None),
        ([{**VECTOR, "data": "x" * 20_000_000}], "larger than 16 MB"),
    ],
    ids=["metadata", "id", "many", "large"],
)
def test_responses_that_are_not_as_documented(
    vectors: list[Any], message: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    content = json.dumps({"result": {"nextCursor": "", "vectors": vectors}}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
            await writer.drain()
        writer.close()

    async def read() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        indexes = ConnectionIndexes(lambda _: settings(url))
        async with server:
            if message is None:
                assert len((await indexes.vectors("a", "", "", "")).vectors) == PAGE_VECTORS
                return
            with pytest.raises(ReadFailed, match=message) as raised:
                await indexes.vectors("a", "", "", "")
            assert SECRET not in str(raised.value) + caplog.text

    asyncio.run(read())


def test_wrong_input_and_tokens(index: DevServer) -> None:
    other = settings(index.url, "another-token-that-is-secret")
    indexes = ConnectionIndexes({"movies": settings(index.url), "other": other}.__getitem__)

    async def read() -> None:
        for search in (Search(vector=[1]), Search(vector=[1, 2], filter="n <"), Search(vector=[1e39, 1])):
            with pytest.raises(ReadFailed) as raised:
                await indexes.search("movies", "films", search)
            assert raised.value.status == 400
        with pytest.raises(ReadFailed, match="401") as raised:
            await indexes.facts("other")
        assert "secret" not in str(raised.value)

    asyncio.run(read())
