"""Rows in the shapes that other tools write, loaded as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector.client import Endpoint, FetchedVector, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT
from tests.support.bulk_runs import Run, failed, fill, stored

# of common-ai's LlamaIndexEmbeddingOperator
CHUNKS: dict[str, Any] = {
    "chunks": [
        {
            "text": f"Part {part} of {name}.",
            "metadata": {"file_path": f"/docs/{name}", "file_name": name, "page_label": str(part)},
            "vector": [float(part), 1.0],
        }
        for name, parts in (("guide.pdf", 3), ("faq.md", 2))
        for part in range(parts)
    ]
}
CHUNK_OPTIONS: dict[str, Any] = {
    "rows_field": "chunks",
    "id_template": "{metadata.file_path}#{index}",
    "data_field": "text",
}
IDS = [*(f"/docs/guide.pdf#{n}" for n in range(3)), *(f"/docs/faq.md#{n}" for n in range(2))]
# lines of OpenAI's batch output, of which one has failed
BATCH = [
    {
        "id": f"batch_req_{n}",
        "custom_id": f"movie-{n}",
        "response": {
            "status_code": 200,
            "request_id": f"req_{n}",
            "body": {
                "object": "list",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.25, n]}],
                "model": "text-embedding-3-small",
                "usage": {"prompt_tokens": 5, "total_tokens": 5},
            },
        },
        "error": None,
    }
    for n in range(3)
]
EXPIRED = {
    "id": "batch_req_3",
    "custom_id": "movie-3",
    "response": None,
    "error": {"code": "batch_expired", "message": "This request could not be executed before the window expired."},
}
BATCH_OPTIONS = {"id_field": "custom_id", "vector_field": "response.body.data[0].embedding"}
PARQUET_OPTIONS = {"vector_field": "values", "sparse_vector_field": "sparse_values"}
PAGES = ("docs/how-to/rows-of-other-tools.md", "example_dags/example_chunks.py")


@pytest.fixture
def index(server: DevServer, endpoint: Endpoint) -> Iterator[VectorClient]:
    with VectorClient(endpoint) as client:
        yield client


def vectors(index: VectorClient, ids: list[str]) -> list[FetchedVector]:
    found = index.fetch(ids, include_vectors=True, include_metadata=True, include_data=True)
    return [vector for vector in found if vector is not None]


@pytest.mark.parametrize("kind", ["mapping", "results of mapped tasks", "JSON"])
def test_chunks_of_common_ai(index: VectorClient, upsert: Run, tmp_path: Path, kind: str) -> None:
    rows: Any = CHUNKS if kind == "mapping" else [CHUNKS]
    if kind == "JSON":
        rows = tmp_path / "chunks.json"
        rows.write_text(json.dumps(CHUNKS, indent=2))
    assert upsert(rows, **CHUNK_OPTIONS).done == 5
    for vector, chunk in zip(vectors(index, IDS), CHUNKS["chunks"], strict=True):
        assert (vector.vector, vector.data, vector.metadata) == (chunk["vector"], chunk["text"], chunk["metadata"])


def test_batch_output_of_openai(server: DevServer, index: VectorClient, run: Run, tmp_path: Path) -> None:
    fill(server, [f"movie-{n}" for n in range(4)])
    path, failures = tmp_path / "batch_output.jsonl", tmp_path / "failures.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in [*BATCH, EXPIRED]))
    options = {**BATCH_OPTIONS, "failures_path": failures, "max_failures": 1}
    report = run(path, **options)
    assert (report.done, report.rejected) == (3, 1)
    updated = vectors(index, [f"movie-{n}" for n in range(4)])
    assert [vector.vector for vector in updated] == [[0.25, 0], [0.25, 1], [0.25, 2], [1, 1]]
    assert {vector.metadata["n"] for vector in updated if vector.metadata} == {-1}
    (line,) = map(json.loads, failures.read_text().splitlines())
    assert {name: value for name, value in line.items() if name != "failure"} == EXPIRED
    line["response"] = BATCH[0]["response"]
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text(json.dumps(line))
    assert run(corrected, **BATCH_OPTIONS).done == 1


def test_parquet_for_pinecone(index: VectorClient, upsert: Run, tmp_path: Path) -> None:
    floats = pa.list_(pa.float32())
    sparse = pa.struct([("indices", pa.list_(pa.uint32())), ("values", floats)])
    table = pa.table(
        {
            "id": ["a", "b"],
            "values": pa.array([[0.25, 1], [0.5, 2]], floats),
            "sparse_values": pa.array([None, None], sparse),
            "metadata": ['{"genre": "drama", "year": 1999}', None],
        }
    )
    parquet.write_table(table, tmp_path / "0.parquet")
    assert upsert(f"{tmp_path}/*.parquet", **PARQUET_OPTIONS).done == 2
    found = vectors(index, ["a", "b"])
    assert [vector.vector for vector in found] == [[0.25, 1], [0.5, 2]]
    assert [vector.metadata for vector in found] == [{"genre": "drama", "year": 1999}, None]
    picked = upsert(
        tmp_path / "0.parquet", **PARQUET_OPTIONS, metadata_field="unused", metadata_fields=["metadata.genre"]
    )
    assert picked.done == 2
    assert [vector.metadata for vector in vectors(index, ["a", "b"])] == [{"genre": "drama"}, None]


@pytest.mark.parametrize("kind", ["file", "JSON", "list", "mapping"])
def test_a_run_that_resumes_gives_the_same_ids(server: DevServer, upsert: Run, tmp_path: Path, kind: str) -> None:
    parents = [
        {"chunks": [{"text": "x", "vector": [1, n], "metadata": {"file_path": f"f{parent}"}} for n in range(7)]}
        for parent in range(10)
    ]
    rows: Any = parents
    if kind == "file":
        rows = tmp_path / "rows.jsonl"
        rows.write_text("\n".join(map(json.dumps, parents)))
    elif kind != "list":
        rows = {"chunks": [chunk for parent in parents for chunk in parent["chunks"]]}
    if kind == "JSON":
        (tmp_path / "rows.json").write_text(json.dumps(rows, indent=1))
        rows = tmp_path / "rows.json"
    options = {
        **CHUNK_OPTIONS,
        "checkpoint": tmp_path / "checkpoint",
        "max_rows_per_request": 5,
        "max_concurrency": 1,
    }
    error = failed(lambda: upsert(rows, **options, daily_budget=33))
    assert 0 < error.report.done <= 33
    assert upsert(rows, **options).done == 70
    assert {*stored(server)} == {f"f{parent}#{n}" for parent in range(10) for n in range(7)}


def test_failures_are_rows_again_with_the_same_ids(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    rows = json.loads(json.dumps(CHUNKS))
    rows["chunks"][1]["vector"] = [1.0, 2.0, 3.0]
    rows["chunks"][4]["text"] = 5
    del rows["chunks"][3]["metadata"]["file_path"]
    failures = tmp_path / "failures.jsonl"
    report = upsert(rows, **CHUNK_OPTIONS, failures_path=failures, max_failures=3)
    assert (report.done, report.rejected) == (2, 3)
    lines = [json.loads(line) for line in failures.read_text().splitlines()]
    assert [line.get("id") for line in lines] == ["/docs/guide.pdf#1", None, "/docs/faq.md#0"]
    assert [line["failure"]["field"] for line in lines] == ["vector", "id_template", "data"]
    lines[0]["vector"], lines[2]["text"] = [1.0, 2.0], "x"
    corrected = tmp_path / "corrected.jsonl"
    corrected.write_text("\n".join(map(json.dumps, lines)))
    again = upsert(corrected, **CHUNK_OPTIONS, failures_path=failures, max_failures=1)
    assert (again.done, again.rejected) == (2, 1)
    (line,) = map(json.loads, failures.read_text().splitlines())
    assert line["failure"]["reason"] == "the index of a line of a failures file is unknown: add the row's id"
    corrected.write_text(json.dumps({**line, "id": "/docs/faq.md#1"}))
    assert upsert(corrected, **CHUNK_OPTIONS).done == 1
    assert {*stored(server)} == {*IDS}


def test_other_options_start_over(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    options = {"checkpoint": tmp_path / "checkpoint", "data_field": "text", "keep_checkpoint": True}
    rows = {**CHUNKS, "others": CHUNKS["chunks"]}
    for changed in (
        CHUNK_OPTIONS,
        {**CHUNK_OPTIONS, "rows_field": "others"},
        {**CHUNK_OPTIONS, "id_template": "{text}"},
    ):
        server.requests.clear()
        assert upsert(rows, **{**options, **changed}).done == 5
        assert server.requests["upsert"] == 1


def test_the_recipes_are_those_of_the_documentation() -> None:
    text = "".join((ROOT / page).read_text() for page in PAGES)
    for options in (CHUNK_OPTIONS, BATCH_OPTIONS, PARQUET_OPTIONS):
        assert [name for name, value in options.items() if f'{name}="{value}",\n' not in text] == []
