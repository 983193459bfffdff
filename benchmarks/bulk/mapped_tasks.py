"""The contender with one mapped task per row: a real Airflow that expands UpdateVectorOperator."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from benchmarks.bulk.contenders import TOKEN, Run, make_rows
from tests.support.live_airflow import LiveAirflow

DAG_ID = "mapped_updates"
_RUN_SECONDS = 600
_DAG = """
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator

with DAG({dag_id!r}, schedule=None):
    UpdateVectorOperator.partial(task_id="update").expand_kwargs({rows!r})
"""


@contextmanager
def mapped_tasks(url: str, count: int) -> Iterator[Callable[[], Run]]:
    """Run Airflow on all cores; yield a function that runs a DAG of ``count`` mapped tasks."""

    def write_dag(folder: Path) -> None:
        folder.mkdir()
        rows = [{"vector_id": row["id"], "metadata": row["metadata"]} for row in make_rows("metadata", count)]
        Path(folder, "mapped.py").write_text(_DAG.format(dag_id=DAG_ID, rows=rows))

    affinity = os.sched_getaffinity(0)
    connection = json.dumps({"conn_type": "upstash_vector", "host": url, "password": TOKEN})
    with tempfile.TemporaryDirectory(prefix="bench-bulk-airflow-", ignore_cleanup_errors=True) as home:
        airflow = LiveAirflow(Path(home), connection, write_dag)
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # one core would be unfair to Airflow
        try:
            airflow.start()
            os.sched_setaffinity(0, affinity)
            yield lambda: _run_dag(airflow, count)
        finally:
            os.sched_setaffinity(0, affinity)
            airflow.stop()


def _run_dag(airflow: LiveAirflow, count: int) -> Run:
    run_id = airflow.trigger(DAG_ID)

    def ended() -> bool:
        ((state,),) = airflow.query("SELECT state FROM dag_run WHERE run_id = ?", run_id)
        return state in {"success", "failed"}

    airflow.wait(ended, _RUN_SECONDS)
    tasks = airflow.query("SELECT state, start_date, end_date FROM task_instance WHERE run_id = ?", run_id)
    assert [state for state, _, _ in tasks] == ["success"] * count, airflow.component_logs()
    first = min(datetime.fromisoformat(start) for _, start, _ in tasks)
    last = max(datetime.fromisoformat(end) for _, _, end in tasks)
    # CPU time and peak memory of many processes are not comparable with those of one.
    return Run(rows=count, seconds=(last - first).total_seconds(), cpu_seconds=0, peak_mb=0)
