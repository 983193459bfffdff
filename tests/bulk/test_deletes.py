"""Bulk deletes against the dev server: what is left afterwards, and how ids are counted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill, stored

IDS = [f"v{n}" for n in range(2_500)]


def jsonl(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f'{{"id": "{id}", "data": 1, "vector": null}}\n' for id in IDS))
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "rows": lambda _: [{"id": id, "metadata": {"n": 1}, "score": 0.5} for id in IDS],
    "generator of ids": lambda _: iter(IDS),
    "file of rows": jsonl,
    "set of ids": lambda _: {*IDS},
}


@pytest.mark.parametrize("kind", SOURCES)
def test_ids_of_any_source_are_deleted_in_batches(
    server: DevServer, delete: Run, tmp_path: Path, kind: str
) -> None:
    fill(server, [*IDS[::2], "kept"])
    report = delete(SOURCES[kind](tmp_path))
    assert (report.total, report.done, report.missing) == (2_500, 1_250, 1_250)
    assert (report.operation, report.outcome, report.rows_by_namespace) == ("delete", "deleted", {"": 1_250})
    assert [*stored(server)] == ["kept"]
    assert 3 <= server.requests["delete"] <= 125  # a slow machine sends what it has read


def test_rows_have_ids_of_any_type_and_namespaces(server: DevServer, delete: Run, tmp_path: Path) -> None:
    uuid = UUID(int=7)
    for namespace in ("a", "b"):
        fill(server, ["7", str(uuid), "x"], namespace)
    rows: list[Any] = [7, uuid, {"id": "x", "namespace": "b"}, {"id": "x", "namespace": "b"}]
    report = delete(iter(rows), namespace="a")
    assert (report.done, report.missing, report.rows_by_namespace) == (3, 1, {"a": 2, "b": 1})
    assert ({*stored(server, "a")}, {*stored(server, "b")}) == ({"x"}, {"7", str(uuid)})

    path = tmp_path / "failures.jsonl"
    bad: list[Any] = ["", None, 1.5, True, {"namespace": "a"}, [1], b"x", "x"]
    report = delete(iter(bad), namespace="a", max_failures=7, failures_path=path)
    assert (report.done, report.rejected) == (1, 7)
    failures = [json.loads(line)["failure"] for line in path.read_text().splitlines()]
    assert [failure["row"] for failure in failures] == [*range(7)]


def test_a_list_of_text_is_a_list_of_paths(delete: Run) -> None:
    with pytest.raises(bulk.InvalidRows, match="v1: the suffix"):
        delete(["v1", "v2"])


def test_what_a_lost_response_has_deleted_counts_as_missing(server: DevServer, delete: Run) -> None:
    fill(server, IDS)
    server.faults.add(Fault(kind="cut", command="delete", applied=True))
    report = delete(iter(IDS), max_concurrency=1)
    assert (report.done + report.missing, report.failed, stored(server)) == (2_500, 0, {})
    assert 0 < report.missing <= 1_000
    assert report.retries == 1


def test_a_dry_run_sends_nothing(server: DevServer, delete: Run) -> None:
    fill(server, ["v1"])
    report = delete(iter(["v1", ""]), dry_run=True, max_failures=1)
    assert (report.not_attempted, report.rejected) == (1, 1)
    assert not server.requests


def test_a_run_that_stopped_resumes(server: DevServer, delete: Run, tmp_path: Path) -> None:
    fill(server, IDS)
    path, checkpoint = jsonl(tmp_path), tmp_path / "checkpoint"
    error = failed(lambda: delete(path, checkpoint=checkpoint, daily_budget=700))
    assert (error.reason, error.report.done, len(stored(server))) == ("daily_budget", 700, 1_800)
    fill(server, ["v0"])  # which a run that resumes does not delete again
    assert delete(path, checkpoint=checkpoint).done == 2_500
    assert [*stored(server)] == ["v0"]


RUN = """
import sys
from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
url, token, rows, checkpoint = sys.argv[1:]
arguments = {"checkpoint": checkpoint, "max_rows_per_second": 1_000, "progress": "none"}
bulk.delete(rows, Endpoint.of(url, token), **arguments)
"""


def test_after_kills_every_row_has_one_outcome(server: DevServer, delete: Run, tmp_path: Path) -> None:
    fill(server, [*IDS, "kept"])
    path, checkpoint = jsonl(tmp_path), tmp_path / "checkpoint"
    for _ in range(2):
        before, end = server.requests["delete"], time.monotonic() + 60
        process = subprocess.Popen([sys.executable, "-c", RUN, server.url, server.token, path, checkpoint])
        while server.requests["delete"] < before + 2 and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.005)
        process.kill()
        assert process.wait(60) == -9
    report = delete(path, checkpoint=checkpoint)
    assert (report.total, report.done + report.missing, report.failed) == (2_500, 2_500, 0)
    assert [*stored(server)] == ["kept"]
