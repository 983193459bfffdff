"""Plans: what they leave for people and for the apply, and when the apply refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.bulk.syncing.plan import Plan, ids_of, to_markdown
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.dev_server.vector_index import VectorIndex
from tests.bulk.syncing.test_runs import ALL, film, refused
from tests.support.bulk_runs import stored
from tests.support.observed_server import observed

ROWS = [film("a", n=2), film("b", 2), film("c"), film("d")]
BROKEN = Plan(identity={}, source="", counts={}, ids={"added": "%"}).to_dict()
WRITES = {"upsert", "update", "delete"}


@pytest.fixture
def run(endpoint: Endpoint, tmp_path: Path, server: DevServer) -> Callable[..., bulk.SyncReport]:
    """A sync with a plan, of an index in which each action is due."""

    def sync(mode: str, rows: object = ROWS, **arguments: Any) -> bulk.SyncReport:
        options = {**ALL, "delete_missing": True, "max_delete": 2, "plan_path": tmp_path / "plan.json"}
        return bulk.sync(rows, endpoint, **{**options, "mode": mode, **arguments})

    bulk.sync([film("a", n=1), film("b", 1), film("x"), film("y")], endpoint, **ALL)
    server.requests.clear()
    return sync


def test_a_plan_writes_nothing_and_is_applied(
    run: Callable[..., bulk.SyncReport], server: DevServer, tmp_path: Path
) -> None:
    planned = run("plan")
    assert not server.requests.keys() & WRITES
    assert planned.samples == {
        "added": ["c", "d"],
        "changed": ["b"],
        "metadata_only": ["a"],
        "adopted": [],
        "deleted": ["x", "y"],
    }
    assert planned.operations == {"written": 0, "read": 1}
    assert "| deleted | 2 | ids that are only in the index | `x`, `y` |" in planned.to_markdown()
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    applied = run("apply")
    assert (applied.added, applied.deleted, applied.operations["written"]) == (2, 2, 6)
    assert stored(server, "films").keys() == {"a", "b", "c", "d"}
    assert run("apply").operations["written"] == 0


def test_an_apply_refuses_what_was_not_planned(
    run: Callable[..., bulk.SyncReport], server: DevServer, endpoint: Endpoint
) -> None:
    error = refused(lambda: run("apply"), "plan_changed")
    assert "there is none" in str(error)
    run("plan")
    for rows, reason in [
        ([*ROWS[:3], film("e")], "the rows have changed"),
        ([*ROWS[:3], film("d", 3)], "the rows have changed"),
        (ROWS[:3], "the rows have changed"),
    ]:
        assert reason in str(refused(lambda rows=rows: run("apply", rows), "plan_changed"))  # type: ignore[misc]
    error = refused(lambda: run("apply", delete_missing=False), "plan_changed")
    assert "another delete_missing" in str(error)
    with VectorClient(endpoint) as client:
        client.upsert([{"id": "z", "vector": [1, 1]}], "films")
        assert "deleted: 2 vectors in the plan, 3 now" in str(
            refused(lambda: run("apply", max_delete=9), "plan_changed")
        )
        client.delete(["x"], "films")
        assert "deleted: other ids" in str(refused(lambda: run("apply"), "plan_changed"))
    assert not server.requests.keys() & {"update"}


def test_an_apply_that_was_killed_is_resumed_by_the_next_one(
    run: Callable[..., bulk.SyncReport], server: DevServer, endpoint: Endpoint
) -> None:
    run("plan")
    for command in ("upsert", "update"):
        token = bulk.CancelToken()
        server.requests.clear()

        def cancel(_: VectorIndex, command: str = command, token: bulk.CancelToken = token) -> None:
            if server.requests[command]:
                token.cancel()

        with observed(server, cancel):
            refused(lambda token=token: run("apply", cancel_token=token), "cancelled", retryable=True)  # type: ignore[misc]
        assert "x" in stored(server, "films")
    refused(lambda: run("apply", ROWS[:3], max_delete=9), "plan_changed")
    with VectorClient(endpoint) as client:
        client.delete(["x"], "films")
        client.upsert([{"id": "z", "vector": [1, 1]}], "films")
        assert "deleted: other ids" in str(refused(lambda: run("apply"), "plan_changed"))
        client.delete(["z"], "films")
    assert run("apply").deleted == 1
    assert stored(server, "films").keys() == {"a", "b", "c", "d"}


def test_other_files_are_neither_read_as_a_plan_nor_replaced(
    run: Callable[..., bulk.SyncReport], server: DevServer, tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    for content in ("not JSON", "[]", json.dumps({"sync_plan": 1, "counts": 3}), json.dumps(BROKEN)):
        path.write_text(content)
        for mode in ("plan", "apply"):
            with pytest.raises(bulk.InvalidRows, match="is not the plan of a sync"):
                run(mode)
        assert path.read_text() == content
    assert not server.requests
    path.unlink()
    run("plan")
    with pytest.raises(bulk.InvalidRows, match="are the same file"):
        run("plan", path)


def test_a_plan_is_json_and_markdown() -> None:
    plan = Plan(identity={}, source="s", counts={"added": 1}, ids={"added": ids_of(["a"])}, samples={})
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    title = "Plan of " + "long words " * 9
    assert title in to_markdown(title, {}, {})
    table = to_markdown("Plan", {"added": 1}, {"added": ["a|b`c\nd", "x" * 100]})
    line = next(line for line in table.splitlines() if line.startswith("| added"))
    assert line.replace("\\|", "").count("|") == 5
    assert line.count("`") == 4
