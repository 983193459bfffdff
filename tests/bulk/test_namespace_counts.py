"""The parts of a report outside its manifest: updated rows by namespace, and the work of this run alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk import FileCheckpoint
from airflow_provider_upstash_vector.bulk.report import MAX_NAMESPACE_CHARS, MAX_NAMESPACES, NamespaceCounts
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter, load_checkpoint
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, fill


def rows(namespace: str | None, count: int) -> list[dict[str, Any]]:
    given = {} if namespace is None else {"namespace": namespace}
    return [{"id": f"v{n}", "metadata": {"n": n}, **given} for n in range(count)]


@pytest.fixture(autouse=True)
def index(server: DevServer) -> DevServer:
    for namespace in ("", "archive", "movies"):
        fill(server, [f"v{n}" for n in range(50)], namespace)
    return server


def test_updated_rows_count_in_their_namespace(run: Run) -> None:
    mixed = [*rows(None, 3), *rows("archive", 2), *rows("", 1), *rows("nowhere", 4)]
    report = run(mixed, namespace="movies")
    assert report.rows_by_namespace == {"movies": 3, "archive": 2, "": 1}
    assert "rows_by_namespace" not in report.to_dict()


def test_a_dry_run_updates_no_namespace(run: Run) -> None:
    report = run(rows("archive", 2), dry_run=True)
    assert report.rows_by_namespace == {}
    assert report.this_attempt.requests == 0


@given(st.lists(st.text(), max_size=300))
def test_the_counts_are_exact_and_limited(names: list[str]) -> None:
    found = NamespaceCounts()
    for name in names:
        found.add(name)
    counts = found.counts()
    assert all(counts[name] == names.count(name) for name in counts)
    assert set(counts) == set([*dict.fromkeys(name for name in names if len(name) <= 256)][:100])


def test_the_limits() -> None:
    found = NamespaceCounts()
    found.add("n" * (MAX_NAMESPACE_CHARS + 1))
    for number in range(MAX_NAMESPACES + 5):
        found.add(f"{number}")
    found.add("0")
    assert len(found.counts()) == MAX_NAMESPACES
    assert found.counts()["0"] == 2


def test_a_run_that_resumes_reports_all_runs_and_its_own_work(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    source = [*rows("archive", 30), *rows("movies", 20)]
    first = failed(lambda: run(source, checkpoint=path, daily_budget=40)).report
    assert sum(first.rows_by_namespace.values()) == first.done == first.this_attempt.done == 40
    second = run(source, checkpoint=path)
    assert second.rows_by_namespace == {"archive": 30, "movies": 20}
    assert (second.done, second.this_attempt.done, second.this_attempt.requests) == (50, 10, 10)
    assert 0 < second.this_attempt.request_seconds < 10


def test_the_work_of_this_run_has_retries_and_throttled_seconds(index: DevServer, run: Run) -> None:
    index.faults.add(Fault(kind="status", status=429, times=1, retry_after="0.2"))
    this_attempt = run(rows(None, 1), check_index=False).this_attempt
    assert (this_attempt.done, this_attempt.requests, this_attempt.retries) == (1, 2, 1)
    assert this_attempt.throttled_seconds > 0


def test_rows_of_the_journal_count_in_the_namespace_of_the_run(tmp_path: Path) -> None:
    store = FileCheckpoint(tmp_path / "checkpoint")
    checkpoint_writer = CheckpointWriter(store, OutcomeTracker())
    state = Checkpoint(
        fingerprint="x", watermark=2, counts_below_watermark=(2, 0, 0, 0), namespaces={"archive": 2}
    )
    checkpoint_writer._save(state, 1)
    checkpoint_writer.journal.settle(2, Outcome.DONE)
    checkpoint_writer.journal.settle(3, Outcome.MISSING)
    checkpoint_writer.close()
    found = load_checkpoint(store, "x", "movies")
    assert found is not None
    assert found.namespaces == {"archive": 2, "movies": 1}
    assert found.unknown_namespace_rows == 1
    again = Checkpoint.from_json(found.to_json())
    assert again is not None
    assert again.unknown_namespace_rows == 1


def test_namespace_counts_are_exact_if_none_is_left_out_or_guessed(run: Run) -> None:
    report = run(rows("archive", 2))
    assert report.namespace_counts_exact
    assert not replace(report, unknown_namespace_rows=1).namespace_counts_exact
    assert not replace(report, rows_by_namespace={"archive": 1}).namespace_counts_exact
    assert "unknown_namespace_rows" not in report.to_dict()
