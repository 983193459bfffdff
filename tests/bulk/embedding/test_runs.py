"""Bulk runs that embed texts, against the dev server: what is stored, what is embedded, and how they end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed
from tests.support.embeddings import CountedEmbedding, text_rows, vector_of, vectors_of


def fetched(server: DevServer) -> dict[str, Any]:
    """Return vector, data and metadata of all that is stored, by id."""
    everything: dict[str, Any] = {"include_vectors": True, "include_metadata": True, "include_data": True}
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        return {vector.id: vector for vector in client.range(**everything)}


def check(server: DevServer, ids: int) -> None:
    """Check that each of so many vectors is that of its data."""
    vectors = fetched(server)
    assert len(vectors) == ids
    assert all([*vector.vector] == vector_of(vector.data) for vector in vectors.values())


class Tensor:
    """As an array of another library: it has neither a length nor items."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._values, dtype)


async def coroutine(texts: list[str]) -> list[list[float]]:
    await asyncio.sleep(0)
    return vectors_of(texts)


async def async_generator(texts: list[str]) -> AsyncIterator[list[float]]:
    for text in texts:
        yield vector_of(text)


class AsyncObject:
    async def __call__(self, texts: list[str]) -> list[list[float]]:
        return vectors_of(texts)


def greedy(texts: list[str]) -> list[list[float]]:
    vectors = vectors_of(texts)
    texts.clear()
    return vectors


FUNCTIONS: dict[str, Any] = {
    "list": vectors_of,
    "tuples": lambda texts: tuple(map(tuple, vectors_of(texts))),
    "generator": lambda texts: (vector_of(text) for text in texts),
    "array": lambda texts: np.array(vectors_of(texts), dtype=np.float16),
    "list of arrays": lambda texts: [np.array(vector) for vector in vectors_of(texts)],
    "lists of scalars": lambda texts: [[np.float32(number) for number in vector] for vector in vectors_of(texts)],
    "tensor": lambda texts: Tensor(vectors_of(texts)),
    "list of tensors": lambda texts: [Tensor(vector) for vector in vectors_of(texts)],
    "coroutine": coroutine,
    "async generator": async_generator,
    "object": CountedEmbedding(),
    "async object": AsyncObject(),
    "partial": partial(coroutine),
    "returns a coroutine": lambda texts: coroutine([*texts]),
    "changes its texts": greedy,
    "import path": "tests.support.embeddings:vectors_of",
    "dotted": "tests.support.embeddings.vectors_of",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_any_kind_gives_each_row_its_vector(server: DevServer, upsert: Run, name: str) -> None:
    report = upsert(text_rows(150), embed=FUNCTIONS[name])
    assert (report.done, report.embedded, report.to_dict()["embedded"]) == (150, 150, 150)
    assert "150 texts embedded" in str(report)
    check(server, 150)


@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize("operation", [bulk.upsert, bulk.update])
def test_rows_keep_their_order_beside_those_that_have_a_vector(
    server: DevServer, upsert: Run, concurrency: int, operation: Callable[..., bulk.BulkReport]
) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        time.sleep(0.01 * (len(calls) % 3))  # a later batch is done before an earlier one
        calls.append(len(texts))
        return vectors_of(texts)

    calls: list[int] = []
    rows = [{"id": f"v{n % 40}", "data": f"text {n}"} for n in range(990)]
    for n in range(0, 990, 7):
        rows[n] |= {"vector": [1.0, float(n)]}  # type: ignore[dict-item]  # a row may have one
    upsert([{**row, "vector": [9, 9]} for row in rows[:40]])
    endpoint = Endpoint.of(server.url, server.token)
    options: dict[str, Any] = {"embed_batch_size": 10, "embed_concurrency": concurrency, "progress": "none"}
    report = operation(rows, endpoint, embed=embed, policy=PATIENT, **options)
    assert (report.done, report.embedded, sum(calls), max(calls)) == (990, 848, 848, 10)
    assert {vector.data for vector in fetched(server).values()} == {f"text {n}" for n in range(950, 990)}
    check(server, 40)


def test_only_rows_that_can_be_sent_are_embedded(server: DevServer, upsert: Run, run: Run, tmp_path: Path) -> None:
    upsert([{"id": "c", "vector": [3, 3]}])
    path, embed = tmp_path / "failures.jsonl", CountedEmbedding()
    rows: list[Any] = [
        {"id": "a", "data": "text 1"},
        {"id": "b", "data": "text 2", "vector": [5, 5]},
        {"id": "c", "metadata": {"n": 1}},
        {"id": "d", "data": " \n"},
        {"id": "e", "data": 5},
        {"id": "", "data": "text 6"},
        {"id": "f", "data": "text 7", "metadata": []},
    ]
    report = upsert(rows, embed=embed, max_failures=5, failures_path=path)
    assert (report.done, report.rejected, report.embedded) == (2, 5, 1)
    assert [*embed.texts] == ["text 1"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["failure"]["field"] for line in lines] == ["vector", "data", "data", "id", "metadata"]
    assert [*fetched(server)["a"].vector] == [1, 1]
    assert run(rows[:3], embed=embed).done == 3
    assert [*fetched(server)["b"].vector] == [5, 5]
    assert [*fetched(server)["c"].vector] == [3, 3]
    assert fetched(server)["c"].metadata == {"n": 1}


def test_a_row_whose_vector_cannot_be_sent_is_rejected_as_it_was_read(
    server: DevServer, upsert: Run, tmp_path: Path
) -> None:
    bad: dict[str, Any] = {"text 1": [1.0, float("nan")], "text 2": None, "text 3": [[1.0]], "text 4": ["a", "b"]}

    def embed(texts: list[str]) -> list[Any]:
        return [bad.get(text, vector_of(text)) if text in bad else vector_of(text) for text in texts]

    path, rows = tmp_path / "failures.jsonl", text_rows(10)
    report = upsert(rows, embed=embed, max_failures=4, failures_path=path)
    assert (report.done, report.rejected) == (6, 4)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [{**line, "failure": None} for line in lines] == [{**row, "failure": None} for row in rows[1:5]]
    assert all(line["failure"]["field"] == "vector" for line in lines)
    assert failed(lambda: upsert(rows, embed=embed, max_failures=1)).reason == "failures"


def raising(error: BaseException) -> Callable[[list[str]], Any]:
    def embed(texts: list[str]) -> Any:
        calls.append(len(texts))
        raise error

    calls: list[int] = []
    embed.calls = calls  # type: ignore[attr-defined]  # functions take any attribute
    return embed


def raising_async(error: BaseException) -> Callable[[list[str]], Any]:
    async def embed(texts: list[str]) -> Any:
        calls.append(len(texts))
        raise error

    calls: list[int] = []
    embed.calls = calls  # type: ignore[attr-defined]  # functions take any attribute
    return embed


class AirflowSkipException(Exception):
    """As that of Airflow, of which the bulk runs know the name alone."""


class Skipped(AirflowSkipException):
    """A subclass of it."""


ERRORS = {
    ValueError("no such model " + "x" * 1_000): 3,
    StopIteration("s"): 3,
    asyncio.CancelledError("c"): 3,
    Skipped("nothing to do"): 1,
    KeyboardInterrupt(): 1,
    SystemExit(3): 1,
}


@pytest.mark.parametrize("kind", [raising, raising_async])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_stops_the_run_after_some_attempts(
    server: DevServer, upsert: Run, kind: Callable[[BaseException], Any], error: BaseException, tmp_path: Path
) -> None:
    embed = kind(error)
    stopped = failed(lambda: upsert(text_rows(100), embed=embed, embed_attempts=3, checkpoint=tmp_path / "c"))
    assert (stopped.reason, stopped.retryable) == ("embedding", True)
    assert len(embed.calls) == ERRORS[error]
    if not isinstance(error, StopIteration | asyncio.CancelledError):
        assert stopped.__cause__ is error
        assert type(error).__name__ in stopped.explanation
    assert len(stopped.explanation) < 500
    assert "row 0" in stopped.explanation
    assert (stopped.report.not_attempted, stopped.report.embedded) == (100, 0)
    assert upsert(text_rows(100), embed=embed_again(embed), checkpoint=tmp_path / "c").done == 100


def embed_again(embed: Any) -> Any:
    """Return a function that works, with the name of another one."""

    def works(texts: list[str]) -> Any:
        return vectors_of(texts)

    works.__qualname__, works.__module__ = embed.__qualname__, embed.__module__
    return works


def test_an_error_that_passes_is_only_logged(upsert: Run, caplog: pytest.LogCaptureFixture) -> None:
    errors = [TimeoutError("first"), ConnectionError("second")]

    def embed(texts: list[str]) -> Any:
        if errors:
            raise errors.pop(0)
        return vectors_of(texts)

    report = upsert(text_rows(10), embed=embed)
    assert (report.done, report.embedded) == (10, 10)
    assert "Attempt 2 of embed failed: ConnectionError: second" in caplog.text


WRONG: dict[str, tuple[Callable[[list[str]], Any], str]] = {
    "None": (lambda _: None, "list of 64 vectors, got None"),
    "a mapping": (dict.fromkeys, "got dict"),
    "text": (lambda texts: "x" * len(texts), "got str"),
    "too few": (lambda texts: vectors_of(texts[1:]), "63 vectors for 64 texts"),
    "one vector": (lambda texts: [0.5] * len(texts), "got one of float"),
    "one array": (lambda texts: np.ones(len(texts)), "got one of"),
    "a number": (lambda _: np.float32(1), "list of 64 vectors, got float32"),
    "a tensor without dimensions": (lambda _: Tensor(1.0), "list of 64 vectors"),
    "objects": (lambda texts: [object() for _ in texts], "got one of object"),
    "another dimension": (lambda texts: np.ones((len(texts), 3)), "3 dimensions, but the index has 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_result_that_is_no_vectors_of_the_index_stops_the_run(upsert: Run, name: str) -> None:
    function, reason = WRONG[name]
    stopped = failed(lambda: upsert(text_rows(100), embed=function))
    assert (stopped.reason, stopped.retryable) == ("embedding", False)
    assert reason in stopped.explanation


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("way", ["time limit", "cancelled"])
def test_a_function_that_hangs_does_not_keep_the_run(upsert: Run, is_async: bool, way: str) -> None:
    started, end = threading.Event(), threading.Event()

    def hangs(_: list[str]) -> None:
        started.set()
        end.wait(60)

    async def hangs_async(_: list[str]) -> None:
        started.set()
        await asyncio.sleep(3_600)

    token = bulk.CancelToken()
    options: dict[str, Any] = {"embed": hangs_async if is_async else hangs, "cancel_token": token}
    if way == "time limit":
        options["time_limit_seconds"] = 0.5
    else:

        def cancel() -> None:
            started.wait(60)
            token.cancel()

        threading.Thread(target=cancel, daemon=True).start()
    stopped = failed(lambda: upsert(text_rows(100), **options))
    end.set()
    assert stopped.reason == way.replace(" ", "_")
    assert stopped.report.not_attempted == 100


class Model:
    """Embeds as a GPU does, never twice alike, and fails at the text ``text 500`` while ``broken``."""

    def __init__(self) -> None:
        self.embed, self.broken = CountedEmbedding(), True

    def __call__(self, texts: list[str]) -> Any:
        if self.broken and "text 500" in texts:
            raise OSError("the model is gone")
        self.embed(texts)
        return np.random.default_rng().random((len(texts), 2))

    def repair(self) -> None:
        self.broken = False


def once(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from rows


@pytest.mark.parametrize("kind", ["file", "list", "once"])
def test_a_run_that_resumes_embeds_no_completed_row_again(
    server: DevServer, upsert: Run, tmp_path: Path, kind: str
) -> None:
    path, rows, model = tmp_path / "rows.jsonl", text_rows(1_000), Model()
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    options = {"embed": model, "embed_attempts": 1, "checkpoint": tmp_path / "c", "max_concurrency": 4}

    def given() -> Any:
        return {"file": path, "list": rows, "once": once(rows)}[kind]

    stopped = failed(lambda: upsert(given(), embed_batch_size=20, **options))
    model.repair()
    report = upsert(given(), embed_batch_size=20, **options)
    done = stopped.report.done
    assert 0 < done <= 500
    assert report.done == report.total == 1_000
    assert report.this_attempt.done == report.embedded == 1_000 - done
    assert all(model.embed.texts[f"text {n}"] == 1 for n in range(done))
    assert len(fetched(server)) == 1_000


def test_changed_rows_are_noticed_before_any_is_embedded(
    server: DevServer, upsert: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, model = text_rows(1_000), Model()
    options = {"embed": model, "embed_attempts": 1, "checkpoint": tmp_path / "c"}
    failed(lambda: upsert(once(rows), **options))
    changed = [{**rows[0], "data": "text 7"}, *rows[1:]]
    stopped = failed(lambda: upsert(once(changed), **options))
    assert "the rows have changed" in stopped.explanation
    assert stopped.report.embedded == 0
    failed(lambda: upsert(rows, **options))
    caplog.clear()
    assert upsert(rows, **{**options, "embed": vectors_of}).embedded == 1_000
    assert "starting over" in caplog.text  # another function makes other vectors


def test_a_dry_run_counts_texts_and_embeds_none(upsert: Run) -> None:
    embed = CountedEmbedding()
    report = upsert(
        [*text_rows(10), {"id": "a", "vector": [1, 2]}, {"id": "b", "data": ""}],
        embed=embed,
        dry_run=True,
        max_failures=1,
    )
    assert (report.embedded, report.rejected, embed.batches) == (10, 1, [])
    assert "10 texts embedded" in str(report)
    assert "embedded" not in upsert([{"id": "a", "vector": [1, 2]}], dry_run=True).to_dict()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("tests.support.no_such_module:embed", "ModuleNotFoundError"),
        ("tests.support.embeddings:no_such_function", "AttributeError"),
        ("tests.support.embeddings:__doc__", "is no function"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_cannot_be_imported_ends_the_run_before_a_row_is_read(
    server: DevServer, upsert: Run, path: str, reason: str, dry_run: bool
) -> None:
    with pytest.raises(ValueError, match=f"{path}.*{reason}"):
        upsert(text_rows(10), embed=path, dry_run=dry_run)
    assert fetched(server) == {}


@pytest.mark.parametrize(
    ("spec", "row", "stored"),
    [
        ({"index_type": "HYBRID", "dimension": 2}, {"sparse_vector": {"indices": [1], "values": [2.0]}}, True),
        ({"index_type": "HYBRID", "dimension": 2}, {}, False),
        ({"dimension": 2, "embedding_model": "BGE_SMALL_EN_V1_5"}, {}, True),
    ],
)
def test_other_indexes(spec: dict[str, Any], row: dict[str, Any], stored: bool) -> None:
    with DevServer(**spec) as server:
        endpoint = Endpoint.of(server.url, server.token)
        rows = [{**text, **row} for text in text_rows(3)]

        def run() -> bulk.BulkReport:
            return bulk.upsert(rows, endpoint, embed=vectors_of, progress="none")

        if stored:
            assert run().embedded == 3
            check(server, 3)
        else:
            assert "sparse_vector" in failed(run).explanation


def test_indexes_that_take_no_vectors_for_data() -> None:
    for spec, operation in (
        ({"index_type": "SPARSE"}, bulk.upsert),
        ({"index_type": "SPARSE"}, bulk.update),
        ({"dimension": 2, "embedding_model": "BGE_SMALL_EN_V1_5"}, bulk.update),
    ):
        with DevServer(**spec) as server:
            endpoint = Endpoint.of(server.url, server.token)
            with pytest.raises(InvalidRequest, match="embed"):
                operation(text_rows(3), endpoint, embed=vectors_of, progress="none")


def test_reading_embedding_and_sending_overlap_in_bounded_memory(server: DevServer, upsert: Run) -> None:
    read = embedded = sent_at_end_of_reading = 0
    furthest: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal read, sent_at_end_of_reading
        for row in text_rows(3_000):
            read += 1
            yield row
        sent_at_end_of_reading = server.requests["upsert"]

    def embed(texts: list[str]) -> Any:
        nonlocal embedded
        furthest.append(read - embedded)
        time.sleep(0.005)
        embedded += len(texts)
        return vectors_of(texts)

    report = upsert(rows(), embed=embed, embed_batch_size=50)
    assert report.done == 3_000
    assert sent_at_end_of_reading > 0
    assert max(furthest) <= 50 * 3 + 256 + 50  # two batches, what is read ahead, and what is on its way to be sent


def test_a_slow_source_sends_what_it_has(server: DevServer, upsert: Run) -> None:
    async def rows() -> AsyncIterator[dict[str, Any]]:
        for n, row in enumerate(text_rows(4)):
            yield row
            end = time.monotonic() + 60
            while n == 1 and not server.requests["upsert"]:
                assert time.monotonic() < end
                await asyncio.sleep(0.01)

    embed = CountedEmbedding()
    assert upsert(rows(), embed=embed).done == 4
    assert len(embed.batches) > 1


def test_the_service_is_slower_than_embedding(server: DevServer, run: Run, upsert: Run) -> None:
    upsert([{"id": f"v{n}", "vector": [1, 1]} for n in range(200)])
    embed = CountedEmbedding()
    report = run(text_rows(200), embed=embed, embed_batch_size=20, max_concurrency=2, max_rows_per_second=400)
    assert report.done == 200
    assert len(embed.batches) <= 12  # not a batch for each row that is sent
    check(server, 200)


def test_rows_that_are_sent_again_are_not_embedded_again(server: DevServer, upsert: Run) -> None:
    server.faults.add(
        Fault(kind="status", times=3, command="upsert"), Fault(kind="cut", times=2, command="upsert")
    )
    embed = CountedEmbedding()
    report = upsert(text_rows(500), embed=embed, policy=replace(PATIENT, max_attempts=10))
    assert (report.done, report.embedded) == (500, 500)
    assert max(embed.texts.values()) == 1
