"""Deferred tasks in ``dag.test()``, which runs their triggers and keeps only the event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base import waiting
from tests.support.airflow_home import AirflowHome
from tests.support.dag_runs import DagRun, load_dags
from tests.support.index_fixtures import connection_json


def test_a_deferred_writer_keeps_its_result_and_the_counts_of_its_event(
    airflow_home: AirflowHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        waiting, "_MIN_DEFERRED_SECONDS", 1.0
    )  # 10 s are for a scheduler, which dag.test() does not have
    with (
        DevServer(indexing_delay=1.5, clock=lambda: float(index.requests["info"])) as index,
        VectorClient(Endpoint.of(index.url, index.token)) as client,
    ):
        monkeypatch.setenv("AIRFLOW_CONN_MOVIES", connection_json(index))
        monkeypatch.setenv("SLOW_INDEX_HOST", index.url)
        client.upsert([{"id": id, "vector": [1, 1], "metadata": {"ready": True}} for id in ("early", "late")])
        airflow_home.register_assets()
        (dag,) = load_dags(airflow_home.dags / "waiting.py").values()
        run = DagRun(dag)
        assert run.tasks == {("wait", -1): "success", ("update", -1): "success"}
        assert index.requests["info"] > 1  # it was deferred
    xcoms: dict[Any, Any] = airflow_home.xcoms("waiting", run.run_id)
    assert json.loads(str(xcoms["update", -1])) == 1
    assert airflow_home.asset_events() == [{"updated": 1}]


@pytest.fixture(autouse=True)
def clear_asset_events(airflow_home: AirflowHome) -> Iterator[None]:
    """Clear asset events: the tests of a process share an Airflow."""
    airflow_home.clear_asset_events()
    yield
    airflow_home.clear_asset_events()
