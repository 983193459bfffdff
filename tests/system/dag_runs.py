"""Runs DAGs of the test run's DAGs folder in a real Airflow."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from tests.airflow_features import AIRFLOW

if (3, 0) <= AIRFLOW < (3, 3):  # later ones do so themselves: it takes seconds, for every task
    from airflow.sdk.execution_time import supervisor

    _in_process_api_server: Any = supervisor.in_process_api_server
    supervisor.in_process_api_server = functools.cache(_in_process_api_server)


def load_dags(file: Path) -> dict[str, DAG]:
    """Return the DAGs that a file defines, by id."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return {value.dag_id: value for value in vars(module).values() if isinstance(value, DAG)}


class DagRun:
    """One ``dag.test()``: its id, its state, its task instances and their states."""

    def __init__(self, dag: DAG, conf: dict[str, Any] | None = None) -> None:
        run: Any = dag.test(run_conf=conf)
        self.run_id = str(run.run_id)
        self.state = str(getattr(run.state, "value", run.state))
        self.instances: list[Any] = run.get_task_instances()
        states = {(ti.task_id, ti.map_index): ti.state for ti in self.instances}
        self.tasks = {key: str(getattr(state, "value", state)) for key, state in states.items()}
