"""Text that a task returns is never a template of a later task, in DAG runs on every version of Airflow."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base import waiting
from tests.support.airflow_home import AirflowHome
from tests.support.dag_runs import DagRun, load_dags
from tests.support.index_fixtures import connection_json


@pytest.mark.parametrize("kind", ["plain", "native"])
def test_text_of_upstream_tasks_is_never_rendered(
    airflow_home: AirflowHome, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        waiting, "_MIN_DEFERRED_SECONDS", 0.2
    )  # 10 s are for a scheduler, which dag.test() does not have
    monkeypatch.setenv("UPSTREAM_TEXT_FOLDER", str(tmp_path))
    dag = load_dags(airflow_home.dags / "upstream_text.py")[f"upstream_text_{kind}"]
    texts: Any = sys.modules["upstream_text"]
    texts.write_files(tmp_path)
    with DevServer(indexing_delay=0.5) as index, VectorClient(Endpoint.of(index.url, index.token)) as client:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(index))
        before = {"vector": [1, 1], "data": "before", "metadata": {"note": "before"}}
        for namespace, ids in texts.expected.items():
            client.upsert([{"id": id, **before} for id in ids], namespace)
        run = DagRun(dag)
        assert {task for task, state in run.tasks.items() if state != "success"} == set()
        written: dict[str, dict[str, set[str]]] = {}
        for namespace in texts.expected:
            vectors: Any = client.range(namespace, include_metadata=True, include_data=True)
            written[namespace] = {v.id: {v.data, str(v.metadata["note"])} - {"before"} for v in vectors}
    assert written == {
        namespace: {id: {text} for id, text in vectors.items()} for namespace, vectors in texts.expected.items()
    }
