"""``if_not_empty``: upserts into namespaces that must be empty when a run starts, but not when it resumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk import FileCheckpoint
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill, stored

ROWS = [{"id": f"v{n}", "vector": [1, n]} for n in range(20)]


def test_rows_are_sent_to_an_empty_namespace_alone(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    fail: dict[str, Any] = {"namespace": "films", "if_not_empty": "fail", "checkpoint": checkpoint}
    fill(server, ["old"])
    assert upsert(ROWS, **fail).done == 20
    for arguments in (
        fail,
        {**fail, "checkpoint": None},
        {**fail, "dry_run": True},
        {**fail, "check_index": False},
    ):
        error = failed(lambda arguments=arguments: upsert(ROWS, **arguments))  # type: ignore[misc]
        assert (error.reason, error.retryable, error.report.done) == ("not_empty", False, 0)
        assert "namespace 'films' is not empty" in str(error)
    # what a refused run has left of its checkpoint is no reason to send rows
    failed(lambda: upsert(ROWS, **fail))
    assert upsert(ROWS, **{**fail, "if_not_empty": "merge"}).done == 20
    assert upsert(ROWS, namespace="films").done == 20
    error = failed(lambda: upsert(ROWS, if_not_empty="fail"))
    assert "the default namespace is not empty" in str(error)


def test_rows_of_other_namespaces_are_rejected(server: DevServer, upsert: Run) -> None:
    fill(server, ["old"], "full")
    rows = [*ROWS, {"id": "a", "vector": [1, 1], "namespace": "full"}]
    report = upsert(rows, namespace="new", if_not_empty="fail", max_failures=1)
    assert (report.done, report.rejected) == (20, 1)
    assert stored(server, "full").keys() == {"old"}


def test_a_run_that_resumes_does_not_ask(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "checkpoint")

    def rows(count: int) -> Iterator[dict[str, Any]]:
        yield from ROWS[:count]
        if count < len(ROWS):
            raise OSError("the source is gone")

    arguments: dict[str, Any] = {"checkpoint": checkpoint, "if_not_empty": "fail", "max_rows_per_request": 5}
    assert failed(lambda: upsert(rows(10), **arguments)).report.done == 10
    assert server.requests["range"] == 1
    assert upsert(rows(20), **arguments).done == 20
    assert server.requests["range"] == 1
    # the first request was applied, and nothing of it is known
    failed(lambda: upsert(rows(0), namespace="lost", **arguments))
    fill(server, ["v0"], "lost")
    assert upsert(rows(20), namespace="lost", **arguments).done == 20


@pytest.mark.usefixtures("endpoint")
def test_a_run_whose_check_failed_asks_again(server: DevServer, upsert: Run, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"checkpoint": tmp_path / "checkpoint", "if_not_empty": "fail"}
    server.faults.add(Fault(kind="status", status=400, command="range", times=1))
    with pytest.raises(Exception, match="400"):
        upsert(ROWS, **arguments)
    fill(server, ["old"])
    assert failed(lambda: upsert(ROWS, **arguments)).reason == "not_empty"
