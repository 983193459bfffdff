"""In a running Airflow, an update of vectors triggers the DAG that is scheduled on their asset."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.live_airflow import LiveAirflow

RUNS = "SELECT run_id, state FROM dag_run WHERE dag_id = 'example_assets_consume'"


def update(airflow: LiveAirflow, rows: Path, ids: list[str]) -> None:
    """Trigger an update of vectors and wait for its end."""
    rows.write_text("".join(json.dumps({"id": id, "data": "new"}) + "\n" for id in ids))
    run_id = airflow.trigger("example_assets_update", rows=str(rows))
    assert airflow.wait_for_end(run_id, "update") == "success", airflow.logs(run_id)


def test_an_update_triggers_a_dag_unless_nothing_was_updated(
    airflow: LiveAirflow, server: DevServer, tmp_path: Path
) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": id, "vector": [1, 1]} for id in ("a", "b")], "movies")
    airflow.unpause("example_assets_consume")
    update(airflow, tmp_path / "none.jsonl", ["unknown"])
    update(airflow, tmp_path / "two.jsonl", ["a", "b", "unknown"])
    airflow.wait(lambda: [state for _, state in airflow.query(RUNS)] == ["success"], 120)
    ((run_id, _),) = airflow.query(RUNS)
    assert airflow.result(run_id, "look_up") == 2
