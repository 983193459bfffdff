"""The warning of ``check_index`` before updates remove what another tool keeps in metadata."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import Run, failed, stored

EACH_MODE = pytest.mark.parametrize("dry_run", [False, True])
IDS = [f"v{number}" for number in range(20)]
LANGCHAIN = {"text": "A heist.", "genre": "drama"}


def fill(server: DevServer, metadata: dict[str, Any], namespace: str = "") -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(({"id": id, "vector": [1, 1], "metadata": metadata} for id in IDS), namespace)
    server.requests.clear()


def rows(metadata: Any, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": id, "metadata": metadata, **fields} for id in IDS]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@EACH_MODE
@pytest.mark.parametrize(
    ("in_index", "updates", "options", "dropped"),
    [
        (LANGCHAIN, rows({"genre": "war"}), {}, ["text"]),
        ({"_pageContentLC": "x"}, rows({}), {"metadata_update_mode": "OVERWRITE"}, ["_pageContentLC"]),
        ({"_node_content": "{}", "text": 1}, rows({"a": 1}), {}, ["text", "_node_content"]),
        (LANGCHAIN, rows({"a": 1}, metadata_update_mode="OVERWRITE"), {"metadata_update_mode": "PATCH"}, ["text"]),
        (LANGCHAIN, [{"id": "v0", "data": "x"}, *rows({"a": 1})], {}, ["text"]),
        (LANGCHAIN, [{"id": f"new-{n}", "metadata": {"a": 1}} for n in range(4)] + rows({}), {}, ["text"]),
        (LANGCHAIN, rows({"genre": "war"}), {"metadata_update_mode": "PATCH"}, []),
        (LANGCHAIN, rows({"a": 1}, metadata_update_mode="PATCH"), {}, []),
        (LANGCHAIN, rows({"text": "A war."}), {}, []),
        (LANGCHAIN, [{"id": id, "data": "x"} for id in IDS], {}, []),
        ({"genre": "drama"}, rows({"genre": "war"}), {}, []),
        (LANGCHAIN, rows({"genre": "war"}), {"check_index": False}, None),
    ],
)
def test_it_warns_once_of_what_is_dropped(
    server: DevServer,
    run: Run,
    caplog: pytest.LogCaptureFixture,
    in_index: dict[str, Any],
    updates: Any,
    options: Any,
    dropped: list[str] | None,
    dry_run: bool,
) -> None:
    fill(server, in_index, "ns")
    report = run(updates, namespace="ns", dry_run=dry_run, **options)
    assert report.not_attempted == (len(updates) if dry_run else 0)
    found = warnings(caplog)
    assert len(found) == bool(dropped)
    for name in dropped or ():
        assert repr(name) in found[0]
        assert re.search("'v[01]' in namespace 'ns'", found[0])
        assert 'metadata_update_mode="PATCH"' in found[0]
    assert server.requests["fetch"] <= 5
    if dry_run:
        assert server.requests.keys() <= ({"fetch"} if dropped is not None else set())
        assert stored(server, "ns")["v0"] == in_index


@EACH_MODE
def test_it_reads_a_few_ids_at_most(server: DevServer, run: Run, dry_run: bool) -> None:
    run([{"id": f"new-{number}", "metadata": {"a": 1}} for number in range(200)], dry_run=dry_run)
    assert server.requests["fetch"] == 5


@EACH_MODE
def test_a_check_that_fails_is_reported_and_changes_nothing(
    server: DevServer, run: Run, caplog: pytest.LogCaptureFixture, dry_run: bool
) -> None:
    fill(server, LANGCHAIN)
    server.faults.add(Fault(kind="status", status=503, times=9, command="fetch"))
    report = run(rows({"a": 1}), dry_run=dry_run)
    assert (report.done, server.requests["fetch"]) == (0 if dry_run else len(IDS), 1)
    (warning,) = warnings(caplog)
    assert "could not be checked: 503" in warning


@EACH_MODE
def test_a_check_that_hangs_does_not_delay_a_stop(server: DevServer, run: Run, dry_run: bool) -> None:
    fill(server, LANGCHAIN)
    server.faults.add(Fault(kind="slow", seconds=600, command="fetch"))
    error = failed(lambda: run(rows({"a": 1}), dry_run=dry_run, time_limit_seconds=0.5))
    assert (error.reason, error.report.done, error.report.failed) == ("time_limit", 0, 0)
    assert server.requests["update"] == 0
    assert stored(server)["v0"] == LANGCHAIN


def test_nothing_leaves_the_machine_in_a_dry_run_without_it() -> None:
    nowhere = Endpoint.of("https://no-such-host.invalid", "token")
    assert bulk.update(rows({"a": 1}), nowhere, dry_run=True, check_index=False).not_attempted == len(IDS)
