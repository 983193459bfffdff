"""Runs that resume from a checkpoint whose index has changed meanwhile, or that shall start over."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import for_index
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill, stored

IDS = [f"v{n}" for n in range(200)]
ROWS = [{"id": id, "metadata": {"n": n}} for n, id in enumerate(IDS)]
AFTER = {id: {"n": n} for n, id in enumerate(IDS)}


@pytest.fixture(autouse=True)
def checkpoint(server: DevServer, run: Run, tmp_path: Path) -> Path:
    """The checkpoint of a run that has updated 120 of 200 rows."""
    fill(server, IDS)
    path = tmp_path / "c"
    assert failed(lambda: run(ROWS, checkpoint=path, daily_budget=120)).report.done == 120
    server.requests.clear()
    return path


def rebuild(server: DevServer, namespace: str = "") -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.reset(namespace)


def edit(checkpoint: Path, **changes: Any) -> None:
    state = {**json.loads(checkpoint.read_text()), **changes}
    checkpoint.write_text(json.dumps({name: value for name, value in state.items() if value is not None}))


def test_the_log_says_what_is_not_sent_again_since_when_and_how_to_start_over(
    server: DevServer, run: Run, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert run(ROWS, checkpoint=checkpoint).done == 200
    (message,) = [message for message in caplog.messages if "Resuming" in message]
    assert re.fullmatch(
        r"Resuming after 120 completed rows: those, the last at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, are not sent "
        r"again\. To start over, set resume=False, or delete the checkpoint \(.*/c\)\.",
        message,
    )
    assert server.requests["update"] == 80


@pytest.mark.parametrize("change", ["empty", "namespace", "another index"])
def test_an_index_that_contradicts_the_checkpoint_gets_all_rows(
    server: DevServer, run: Run, checkpoint: Path, change: str
) -> None:
    if change == "another index":
        edit(checkpoint, index="DENSE 3 COSINE")
    else:
        rebuild(server)
    if change == "namespace":
        fill(server, ["other"], "another namespace")
    error = failed(lambda: run(ROWS, checkpoint=checkpoint))
    assert (error.reason, error.retryable) == ("index_changed", False)
    assert (error.report.done, error.report.total) == (120, 200)
    expected = {
        "empty": "the index has no vectors",
        "namespace": "namespace '' has no vectors",
        "another index": "the index was DENSE 3 COSINE and is DENSE 2 COSINE now",
    }
    assert f"{expected[change]}, although the checkpoint says that 120 rows were updated" in str(error)
    assert server.requests["update"] == 0
    fill(server, IDS)  # so that nothing contradicts the checkpoint any more
    report = run(ROWS, checkpoint=checkpoint)
    assert (report.done, server.requests["update"]) == (200, 200)
    assert stored(server) == AFTER


def test_counts_that_are_older_than_the_checkpoint_do_not_contradict_it(
    server: DevServer, run: Run, checkpoint: Path
) -> None:
    info = {
        "vectorCount": 0,
        "pendingVectorCount": 0,
        "indexSize": 0,
        "dimension": 2,
        "similarityFunction": "COSINE",
    }
    text = json.dumps({"result": {**info, "namespaces": {}}})
    server.faults.add(Fault(kind="garbage", text=text, command="info"))
    assert run(ROWS, checkpoint=checkpoint).done == 200
    assert server.requests["update"] == 80


@pytest.mark.parametrize("kind", ["unchecked", "old checkpoint"])
def test_a_run_resumes_if_nothing_contradicts_the_checkpoint(
    server: DevServer, run: Run, checkpoint: Path, kind: str
) -> None:
    if kind == "unchecked":
        rebuild(server)
    else:
        edit(checkpoint, index=None, completed_at=None, run=None)
    report = run(ROWS, checkpoint=checkpoint, check_index=kind != "unchecked")
    assert server.requests["update"] == 80
    assert (report.done, report.missing) == ((120, 80) if kind == "unchecked" else (200, 0))


def test_a_run_starts_over_if_it_shall_not_resume(
    server: DevServer, run: Run, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rebuild(server)
    fill(server, IDS)
    error = failed(lambda: run(ROWS, checkpoint=checkpoint, resume=False, daily_budget=150))
    assert (error.reason, error.report.done) == ("daily_budget", 30)
    assert "There is a checkpoint, but resume=False; starting over." in caplog.messages
    assert run(ROWS, checkpoint=checkpoint, resume=False).done == 200
    assert server.requests["update"] == 30 + 200
    assert stored(server) == AFTER


INFO = {"vectorCount": 0, "pendingVectorCount": 0, "indexSize": 0, "dimension": 2, "similarityFunction": "COSINE"}


@pytest.mark.parametrize(
    ("info", "before", "updated", "contradicts"),
    [
        ({}, {}, 0, False),
        ({}, {}, 1, True),
        ({"pendingVectorCount": 1}, {}, 1, False),
        ({"vectorCount": 1}, {"namespaces": {"a": 1}}, 1, False),  # a response without namespaces
        ({"vectorCount": 1, "namespaces": {"": 1, "a": 0}}, {"namespaces": {"a": 1}}, 1, True),
        ({"vectorCount": 1, "namespaces": {"": 1}}, {"namespaces": {"a": 1}}, 1, True),
        (
            {"vectorCount": 1, "namespaces": {"": 1}},
            {"namespaces": {"a": 1}, "unknown_namespace_rows": 1},
            1,
            False,
        ),
        ({"vectorCount": 1}, {"index": "DENSE 2 COSINE"}, 1, False),
        ({"vectorCount": 1}, {"index": "DENSE 2 EUCLIDEAN"}, 1, True),
        ({"vectorCount": 1}, {"index": "SPARSE 2 COSINE"}, 0, False),
    ],
)
def test_what_contradicts_a_checkpoint(
    info: dict[str, Any], before: dict[str, Any], updated: int, contradicts: bool
) -> None:
    counts = info.get("namespaces", {})
    namespaces = {name: {"vectorCount": count, "pendingVectorCount": 0} for name, count in counts.items()}
    index = IndexInfo.model_validate({**INFO, **info, "namespaces": namespaces})
    stop_reason = for_index(Checkpoint(fingerprint="x", **before), updated, "updated", index)
    assert (stop_reason is not None) == contradicts


def test_forget_keeps_the_progress_of_a_later_run(server: DevServer, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert run(ROWS, checkpoint=path, keep_checkpoint=True).done == 200
    later = [{"id": id, "metadata": {"n": -n}} for n, id in enumerate(IDS)]
    assert failed(lambda: run(later, checkpoint=path, daily_budget=150)).report.done == 150
    bulk.forget(path)
    report = run(later, checkpoint=path, keep_checkpoint=True)
    assert (report.done, report.this_attempt.requests) == (200, 50)
    bulk.forget(path)
    assert not path.exists()
