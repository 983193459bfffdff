"""Runs DAGs of the test run's DAGs folder in a real Airflow."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from tests.support.airflow_features import AIRFLOW

if (3, 0) <= AIRFLOW < (3, 3):  # later versions cache it themselves: it takes seconds per task
    from airflow.sdk.execution_time import supervisor

    _in_process_api_server: Any = supervisor.in_process_api_server
    supervisor.in_process_api_server = functools.cache(_in_process_api_server)

_MAP_NAME = "_rendered_map_index" if AIRFLOW >= (3, 0) else "rendered_map_index"


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
    """A run of ``dag.test()``, with its ``options``: its id, state and task instances."""

    def __init__(self, dag: DAG, conf: dict[str, Any] | None = None, **options: Any) -> None:
        run: Any = dag.test(run_conf=conf, **options)
        self.run_id = str(run.run_id)
        self.state = str(getattr(run.state, "value", run.state))
        self.instances: list[Any] = run.get_task_instances()
        states = {(ti.task_id, ti.map_index): ti.state for ti in self.instances}
        self.names = {(ti.task_id, ti.map_index): getattr(ti, _MAP_NAME) for ti in self.instances}
        self.tasks = {key: str(getattr(state, "value", state)) for key, state in states.items()}

    def map_names(self, task_id: str) -> dict[int, str | None]:
        """Return what Airflow shows in place of the indexes of a mapped task."""
        return {index: name for (task, index), name in self.names.items() if task == task_id}
