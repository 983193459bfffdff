"""The components of Airflow with the CeleryExecutor, and two named workers."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg2

from scripts.cluster.processes import ClusterError, Process, Processes, free_port, is_listening

COMPONENTS = ("dag-processor", "scheduler", "triggerer")
WORKERS = 2
SLOTS = 4
_START_SECONDS = 180.0
# the host name of a task names its worker: all workers are on one machine
_NAMES = 'import os\n\n\ndef name():\n    return os.environ.get("CLUSTER_WORKER", "cluster")\n'


class Airflow:
    """The components of Airflow; ``database`` is ``user@host:port/name``, ``broker`` a URL."""

    def __init__(self, processes: Processes, folder: Path, database: str, broker: str, connection: str) -> None:
        self._processes = processes
        self._folder = folder
        self._database = database
        self._port = free_port()
        (folder / "plugins").mkdir()
        (folder / "plugins" / "worker_names.py").write_text(_NAMES)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
            **_settings(folder, database, broker, self._port),
            "PYTHONPATH": f"{Path.cwd()}:{folder / 'plugins'}",
            "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT": connection,
        }
        self._workers: dict[str, Process] = {}
        self._started_workers = 0

    def start(self) -> None:
        """Migrate the database, start the API server and then the other components and workers."""
        self.command("db", "migrate")
        self._component("api-server", {})
        self._processes.wait("starting the API", lambda: is_listening(self._port), _START_SECONDS)
        for component in COMPONENTS:
            self._component(component, {})
        for _ in range(WORKERS):
            self.start_worker()

    def start_worker(self) -> None:
        """Start a worker under the next name."""
        self._started_workers += 1
        name = f"worker-{self._started_workers}"
        options = ["celery", "worker", "--celery-hostname", f"{name}@%h", "--concurrency", str(SLOTS)]
        self._workers[name] = self._component(name, {"CLUSTER_WORKER": name}, options)

    def kill_worker(self, name: str) -> None:
        """Kill a worker and its tasks."""
        self._processes.kill(self._workers.pop(name))

    def _component(self, name: str, extra: dict[str, str], options: list[str] | None = None) -> Process:
        environment = {**self._environment, **extra, "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port())}
        environment["AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT"] = str(free_port())
        command = [sys.executable, "-m", "airflow", *(options or [name])]
        return self._processes.start(name, command, environment)

    def command(self, *arguments: str) -> None:
        """Run an ``airflow`` command."""
        command = [sys.executable, "-m", "airflow", *arguments]
        process = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=300
        )
        if process.returncode != 0:
            raise ClusterError(f"airflow {' '.join(arguments)} failed: {process.stderr.strip()[-2000:]}")

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Wait until a DAG is parsed and trigger it."""
        self._processes.wait(
            "parsing the DAG", lambda: self.query("SELECT 1 FROM dag WHERE dag_id = %s", dag_id), _START_SECONDS
        )
        self.command("dags", "unpause", dag_id)
        self.command("dags", "trigger", dag_id, "--run-id", run_id, "--conf", json.dumps(conf))

    def state(self, run_id: str) -> str | None:
        """Return how a run has ended, ``None`` if it has not."""
        rows = self.query("SELECT state FROM dag_run WHERE run_id = %s AND state IN ('success', 'failed')", run_id)
        return rows[0][0] if rows else None

    def waiting(self, run_id: str) -> int:
        """Return how many tasks of a run are about to start."""
        states = "('scheduled', 'queued', 'up_for_retry')"
        sql = f"SELECT count(*) FROM task_instance WHERE run_id = %s AND state IN {states}"  # noqa: S608 - constants
        return int(self.query(sql, run_id)[0][0])

    def attempts(self, run_id: str) -> int:
        """Return how often the mapped tasks of a run have been started, in all."""
        sql = "SELECT sum(try_number) FROM task_instance WHERE run_id = %s AND map_index >= 0"
        return int(self.query(sql, run_id)[0][0])

    def shards_by_worker(self, run_id: str) -> dict[str, int]:
        """Return how many tasks of a run each worker runs."""
        sql = "SELECT hostname FROM task_instance WHERE run_id = %s AND state = 'running'"
        return Counter(host for (host,) in self.query(sql, run_id))

    def xcoms(self, run_id: str, task_id: str) -> list[Any]:
        """Return what the mapped tasks of a run have returned."""
        sql = "SELECT value FROM xcom WHERE run_id = %s AND task_id = %s AND key = 'return_value'"
        return [_json(value) for (value,) in self.query(sql, run_id, task_id)]

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query of the metadata database."""
        user, _, rest = self._database.partition("@")
        address, _, name = rest.partition("/")
        host, _, port = address.partition(":")
        connection = psycopg2.connect(host=host, port=port, user=user, dbname=name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall())
        finally:
            connection.close()


def _json(value: Any) -> Any:
    parsed = json.loads(value) if isinstance(value, str) else value
    return json.loads(parsed) if isinstance(parsed, str) else parsed


def _settings(folder: Path, database: str, broker: str, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "worker_names.name",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # the scheduler detects a killed worker by the missing heartbeats of its tasks
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # all components may share two cores
    }
