"""Bulk upserts against the dev server: what is stored afterwards, and what becomes of rows that it refuses."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import PATIENT, Run, failed
from tests.support.slow_server import SlowServer

DENSE = {"vector": [0.5, 0.25]}
SPARSE = {"sparse_vector": {"indices": [1, 7], "values": [0.5, 2.0]}}
TEXT = {"data": "A heist in the snow."}
MODEL = "BGE_SMALL_EN_V1_5"
INDEXES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "dense": ({"dimension": 2}, [DENSE, {**DENSE, **TEXT}, {**DENSE, "metadata": {"a": [1]}}]),
    "sparse": ({"index_type": "SPARSE"}, [SPARSE, {**SPARSE, **TEXT, "metadata": {}}]),
    "hybrid": ({"index_type": "HYBRID", "dimension": 2}, [{**DENSE, **SPARSE}, {**DENSE, **SPARSE, **TEXT}]),
    "embedding": ({"dimension": 8, "embedding_model": MODEL}, [TEXT, {**TEXT, "metadata": {"a": None}}]),
}


def fetched(server: DevServer, namespace: str = "") -> dict[str, Any]:
    """Return all that is stored, by id."""
    everything: dict[str, Any] = {"include_vectors": True, "include_metadata": True, "include_data": True}
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        return {vector.id: vector for vector in client.range(namespace, **everything)}


@pytest.mark.parametrize("kind", INDEXES)
def test_what_is_stored_is_what_the_client_stores(kind: str) -> None:
    spec, parts = INDEXES[kind]
    rows = [{"id": f"v{n}", **parts[n % len(parts)]} for n in range(2_500)]
    with DevServer(**spec) as server:
        endpoint = Endpoint.of(server.url, server.token)
        report = bulk.upsert([{**row, "namespace": ""} for row in rows], endpoint, progress="none", namespace="x")
        command = "upsert-data" if kind == "embedding" else "upsert"
        assert (report.done, report.total, report.failed) == (2_500, 2_500, 0)
        assert 3 <= server.requests[command] <= 125  # a slow machine sends what it has read
        with VectorClient(endpoint) as client:
            write = client.upsert_data if kind == "embedding" else client.upsert
            write(rows, "by the client")
        assert fetched(server) == fetched(server, "by the client")


def test_rows_with_and_without_a_vector_are_sent_side_by_side() -> None:
    spec, _ = INDEXES["embedding"]
    with DevServer(**spec) as server:
        dimension = server.spec.dimension
        rows = [
            {"id": f"v{n}", "data": "x"} if n % 2 else {"id": f"v{n}", "vector": [0.5] * dimension}
            for n in range(40)
        ]
        report = bulk.upsert(rows, Endpoint.of(server.url, server.token), progress="none")
        assert report.done == 40 == len(fetched(server))
        assert (server.requests["upsert"], server.requests["upsert-data"]) == (1, 1)


def test_rows_of_many_namespaces_wait_for_others_together() -> None:
    count = 2_000
    with SlowServer() as server:

        def rows() -> Iterator[dict[str, Any]]:
            for n in range(count):
                yield {"id": "v", **DENSE, "namespace": f"n{n}"}
            end = time.monotonic() + 60
            while len(server.times) < count:
                assert time.monotonic() < end
                time.sleep(0.01)

        assert bulk.upsert(rows(), Endpoint.of(server.url, "t"), check_index=False, progress="none").done == count


def test_the_whole_vector_is_replaced_in_the_order_of_the_rows(server: DevServer, upsert: Run) -> None:
    rows = [{"id": f"v{n % 700}", **DENSE, "metadata": {f"k{n % 3}": n}} for n in range(5_000)]
    assert upsert(rows).done == 5_000
    newest = {row["id"]: row["metadata"] for row in rows}
    assert {id: vector.metadata for id, vector in fetched(server).items()} == newest


def numbered(count: int, bad: Callable[[int], bool]) -> list[dict[str, Any]]:
    """Return rows of which ``bad`` ones have a dimension too many."""
    return [{"id": f"v{n}", "vector": [1.0, 2.0] + [3.0] * bad(n)} for n in range(count)]


def test_bad_rows_of_a_batch_fail_alone(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    bad = {0, 1, 517, 1_999, 2_400}
    path = tmp_path / "failures.jsonl"
    arguments = {"check_index": False, "max_failures": 5, "failures_path": path}
    report = upsert(numbered(2_500, bad.__contains__), **arguments)
    assert (report.done, report.failed) == (2_495, 5)
    assert 0 < report.retries < 5 * 2 * 11  # the halves
    assert fetched(server).keys() == {f"v{n}" for n in range(2_500) if n not in bad}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["failure"]["row"] for line in lines} == bad
    for line in lines:
        assert line["failure"]["status"] == 422
        assert "dimension" in line["failure"]["reason"]
        assert line["vector"] == [1.0, 2.0, 3.0]


def test_the_rest_of_a_batch_fails_with_ten_rows_that_were_refused_alike(
    server: DevServer, upsert: Run, caplog: pytest.LogCaptureFixture
) -> None:
    arguments: dict[str, Any] = {"check_index": False, "max_failures": "100%"}
    report = upsert(numbered(3_000, lambda _: True), **arguments)
    assert (report.done, report.failed) == (0, 3_000)
    logged = re.findall(r"row (\d+): upsert of 'v(\d+)' in the default namespace: ", caplog.text)
    assert len(logged) == 20
    assert all(number == id for number, id in logged)
    assert server.requests["upsert"] <= 6 * (10 + 20)

    server.requests.clear()
    report = upsert(numbered(300, lambda n: n % 2 == 1), **arguments)
    assert (report.done, report.failed) == (150, 150)


def test_the_rest_of_a_batch_does_not_fail_with_rows_that_had_no_response(server: DevServer, upsert: Run) -> None:
    def statuses(row: int, rows: int) -> list[int]:
        """Return those of a part of a batch, and of its halves: the first ten rows get 503 alone."""
        if row >= 10:
            return []
        half = rows // 2
        return [422, *statuses(row, half), *statuses(row + half, half)] if half else [503]

    server.faults.add(*(Fault(kind="status", status=status, command="upsert") for status in statuses(0, 16)))
    policy = replace(PATIENT, max_attempts=1)
    report = upsert(numbered(16, lambda _: False), policy=policy, max_failures=10)
    assert (report.done, report.failed) == (6, 10)


def test_a_checkpoint_of_updates_is_no_checkpoint_of_upserts(
    server: DevServer, run: Run, upsert: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": f"v{n}", **DENSE} for n in range(500)]
    upsert(rows)
    arguments: dict[str, Any] = {"checkpoint": tmp_path / "c", "daily_budget": 100, "on_budget": "return"}
    assert run(rows, **arguments).done == 100
    with caplog.at_level(logging.INFO):
        again = upsert(rows, **{**arguments, "daily_budget": 300})
    assert (again.done, again.not_attempted) == (200, 300)
    assert (
        "The operation, its input or its options have changed since the checkpoint; starting over" in caplog.text
    )
    (tmp_path / "c.budget").unlink()
    assert upsert(rows, checkpoint=tmp_path / "c").this_attempt.done == 300


def test_the_budget_is_paid_by_row_and_a_batch_is_cut_to_it(server: DevServer, upsert: Run) -> None:
    rows = [{"id": f"v{n}", **DENSE} for n in range(3_000)]
    report = upsert(rows, daily_budget=1_234, on_budget="return")
    assert (report.done, report.not_attempted) == (1_234, 1_766)
    assert len(fetched(server)) == 1_234


def test_a_rate_below_a_batch(server: DevServer, upsert: Run) -> None:
    report = upsert([{"id": f"v{n}", **DENSE} for n in range(2_000)], max_rows_per_second=900)
    assert report.done == 2_000
    assert report.seconds > 1.0


def test_a_lost_response_sends_the_batch_again(server: DevServer, upsert: Run) -> None:
    for fault in (Fault(kind="cut", applied=True), Fault(kind="status"), Fault(kind="status", status=429)):
        server.faults.add(replace(fault, times=2, command="upsert"))
    rows = [{"id": f"v{n % 1_500}", **DENSE, "metadata": {"n": n}} for n in range(6_000)]
    report = upsert(rows)
    assert (report.done, report.failed) == (6_000, 0)
    assert report.retries >= 4
    assert {vector.metadata["n"] for vector in fetched(server).values()} == {*range(4_500, 6_000)}


def test_a_result_that_is_not_documented_fails_the_rows(server: DevServer, upsert: Run) -> None:
    server.faults.add(
        Fault(kind="garbage", text='{"result": "Well done"}', applied=True, times=1, command="upsert")
    )
    report = upsert([{"id": f"v{n}", **DENSE} for n in range(1_000)], max_failures="100%")
    assert report.failed + report.done == 1_000
    assert report.failed > 0


@pytest.mark.parametrize("check_index", [True, False])
def test_rows_of_another_index_stop_the_run_or_fail(server: DevServer, upsert: Run, check_index: bool) -> None:
    error = failed(lambda: upsert(numbered(20, lambda _: True), check_index=check_index))
    assert error.reason == ("error" if check_index else "failures")
    assert server.requests["upsert"] == (0 if check_index else server.requests["upsert"])
    assert fetched(server) == {}
