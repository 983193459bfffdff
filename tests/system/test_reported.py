"""Asset events with counts and the link of a task, in every version of Airflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.serialization import serialized_objects

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.links.upstash_vector import UpstashConsoleLink
from tests.support.airflow_features import AIRFLOW
from tests.support.airflow_home import AirflowHome
from tests.support.dag_runs import DagRun, load_dags

MOVIE = {"id": "movie-1", "vector": [1, 1], "data": "old"}


@pytest.fixture
def movies(server: DevServer, connection: str, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([MOVIE])
        client.upsert([MOVIE], "movies")
    monkeypatch.setenv("UPSTASH_VECTOR_HOST", server.url)
    return server


def test_example_assets(airflow_home: AirflowHome, movies: DevServer, tmp_path: Path) -> None:
    airflow_home.register_assets()
    airflow_home.clear_asset_events()
    dags = load_dags(airflow_home.dags / "example_assets.py")

    def run(id: str) -> tuple[list[Any], list[str]]:
        (tmp_path / "rows.jsonl").write_text(json.dumps({"id": id, "data": "new"}))
        assert DagRun(dags["example_assets_update"], {"rows": str(tmp_path / "rows.jsonl")}).state == "success"
        return airflow_home.asset_events(), airflow_home.queued_dags()

    assert run("no-such-movie") == ([], [])
    airflow_home.query("UPDATE dag SET is_paused = 0 WHERE dag_id = 'example_assets_consume'")
    counts = {"total": 1, "updated": 1, "missing": 0, "rejected": 0, "failed": 0, "not_attempted": 0}
    assert run("movie-1") == ([{"updated": 1, "run": counts}], ["example_assets_consume"])


def deserialized(dag: Any) -> Any:
    """Return a DAG after serialization and deserialization, as in the UI."""
    name = "DagSerialization" if AIRFLOW >= (3, 2) else "SerializedDAG"
    serialization: Any = getattr(serialized_objects, name)
    return serialization.from_dict(serialization.to_dict(dag))


@pytest.mark.parametrize("succeeds", [True, False])
def test_the_ui_has_the_link_of_a_task(airflow_home: AirflowHome, movies: DevServer, succeeds: bool) -> None:
    (dag,) = load_dags(airflow_home.dags / "example_update_vector.py").values()
    if not succeeds:
        movies.faults.add(Fault(kind="status", status=422, times=9))
    run = DagRun(dag, {"vector_id": "movie-1"})
    assert run.state == ("success" if succeeds else "failed")
    (instance,) = run.instances
    link = deserialized(dag).get_task(instance.task_id).get_extra_links(instance, UpstashConsoleLink.name)
    assert link == movies.url
