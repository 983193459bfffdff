"""In a running Airflow, a sync is planned, approved or rejected by a person, and applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.live_airflow import LiveAirflow

DAG = "example_sync"

pytestmark = pytest.mark.needs("approvals")


def movie(number: int, title: str) -> dict[str, Any]:
    return {"id": f"movie-{number}", "vector": [number, 1], "title": title, "year": 1990}


def respond(airflow: LiveAirflow, folder: Path, option: str, expected: str) -> str:
    """Let the DAG plan a sync of the rows, and respond to the plan; return the run."""
    run_id = airflow.trigger(DAG, rows=str(folder / "movies.jsonl"), plans=str(folder))
    assert airflow.wait_for_end(run_id, "plan") == "success", airflow.logs(run_id)
    shown = airflow.respond(DAG, run_id, "approve", option)
    assert expected in shown
    assert (folder / f"{run_id}.json").exists()
    return run_id


def test_a_plan_is_applied_once_it_is_approved(airflow: LiveAirflow, server: DevServer, tmp_path: Path) -> None:
    rows = [movie(number, "new" if number == 1 else "old") for number in range(1, 30)]
    (tmp_path / "movies.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        stored = [
            {"id": f"movie-{number}", "vector": [number, 1], "metadata": {"title": "old", "year": 1990}}
            for number in range(2, 31)
        ]
        client.upsert(stored, "movies")
        run_id = respond(airflow, tmp_path, "Reject", "| ids that are only in the index | `movie-30` |")
        assert airflow.wait_for_end(run_id, "apply") == "skipped", airflow.logs(run_id)
        assert {vector.id for vector in client.range("movies")} == {row["id"] for row in stored}

        run_id = respond(airflow, tmp_path, "Approve", "| ids that are only in the source | `movie-1` |")
        assert airflow.wait_for_end(run_id, "apply") == "success", airflow.logs(run_id)
        after = {vector.id: vector.metadata for vector in client.range("movies", include_metadata=True)}
    assert {id: (metadata or {})["title"] for id, metadata in after.items()} == {
        row["id"]: row["title"] for row in rows
    }
    result = airflow.result(run_id, "apply")
    assert (result["added"], result["adopted"], result["deleted"], result["finished"]) == (1, 28, 1, True)
