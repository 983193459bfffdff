"""A live Airflow on loopback: ``airflow standalone``."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.airflow_home import prepare_dags
from tests.support.rest_api import RestApi, free_port

_START_SECONDS = 300  # beside another Airflow, on a busy machine
_POLL_SECONDS = 0.1


class LiveAirflow:
    """A running Airflow, by default with the tests' DAGs, and optionally with a default connection."""

    def __init__(
        self,
        home: Path,
        connection: str | None,
        write_dags: Callable[[Path], None] = prepare_dags,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self._write_dags = write_dags
        self.port = free_port()
        self._api = RestApi(self.url)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {**os.environ, **_settings(home, self.port), **(environment or {})}
        if connection is not None:
            self.environment["AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT"] = connection

    @property
    def url(self) -> str:
        """The URL of the UI and the API."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all components; return when the API responds."""
        self._write_dags(self.home / "dags")
        self.run_component("standalone")
        self.wait(self._api.is_up, _START_SECONDS)

    def start_api_server(self) -> None:
        """Start the API server alone; return when it responds."""
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=_START_SECONDS)
        self.run_component("api-server")
        self.wait(self._api.is_up, _START_SECONDS)

    def run_component(self, name: str) -> None:
        """Start one component, or ``standalone`` for all."""
        with (self.home / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "airflow", name],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    cwd=self.home,
                    start_new_session=True,
                )
            )

    def kill_component(self, name: str) -> None:
        """Kill a component of ``standalone`` and its child processes."""
        (standalone, *_) = self._processes
        children = psutil.Process(standalone.pid).children()
        component = next(child for child in children if name in child.cmdline())
        for process in [component, *component.children(recursive=True)]:
            process.kill()

    def stop(self) -> None:
        """Stop all processes and their child processes."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._processes):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Return rows of the metadata database."""
        with sqlite3.connect(self.home / "airflow.db", timeout=30) as database:
            return database.execute(sql, values).fetchall()

    def add_connection(self, conn_id: str, **values: Any) -> None:
        """Store a connection, in place of one that another test has left."""
        if self.query("SELECT id FROM connection WHERE conn_id = ?", conn_id):
            self.remove_connection(conn_id)
        self._api.call("POST", "/connections", connection_id=conn_id, conn_type="upstash_vector", **values)

    def remove_connection(self, conn_id: str) -> None:
        """Delete a connection."""
        self._api.call("DELETE", f"/connections/{conn_id}")

    def enter_token(self, conn_id: str, token: str) -> None:
        """Store a new token in a connection."""
        connection = {"connection_id": conn_id, "conn_type": "upstash_vector", "password": token}
        self._api.call("PATCH", f"/connections/{conn_id}?update_mask=password", **connection)

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, once it has been parsed."""
        self.wait_for_dag(dag_id)
        self._api.call("PATCH", f"/dags/{dag_id}", is_paused=False)

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Unpause and trigger a DAG, once it has been parsed; return the run id."""
        self.unpause(dag_id)
        run_id = f"test_{time.time_ns()}"
        self._api.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, conf=conf, logical_date=None)
        return run_id

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Do what the UI's "Mark as failed" does."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._api.call("PATCH", path, new_state="failed")

    def respond(self, dag_id: str, run_id: str, task_id: str, option: str) -> str:
        """Choose an option of a task that waits for a person, once it does; return what the person is shown."""
        sql = (
            "SELECT body FROM hitl_detail JOIN task_instance ON ti_id = id "
            "WHERE run_id = ? AND task_id = ? AND state IN ('deferred', 'awaiting_input')"
        )
        ((body,),) = self.wait(lambda: self.query(sql, run_id, task_id), _START_SECONDS)
        # the scheduler fails a task that is queued again before it has seen its first process end
        ended = f"executor event with state success for task instance TaskInstanceKey(dag_id='{dag_id}', "
        ended += f"task_id='{task_id}', run_id='{run_id}'"
        self.wait(lambda: ended in (self.home / "standalone.log").read_text(errors="replace"), _START_SECONDS)
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._api.call("PATCH", path, chosen_options=[option], params_input={})
        return str(body)

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG has been parsed."""
        self.wait(
            lambda: self.query("SELECT 1 FROM dag WHERE dag_id = ? AND NOT is_stale", dag_id), _START_SECONDS
        )

    def wait_for_end(self, run_id: str, task_id: str) -> str:
        """Wait until a task has ended; return its state."""
        ended = {"success", "failed", "skipped", "upstream_failed"}
        self.wait(lambda: self.task(run_id, task_id)["state"] in ended, _START_SECONDS)
        return str(self.task(run_id, task_id)["state"])

    def task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """Return state, process id and try number of a task."""
        rows = self.query(
            "SELECT state, pid, try_number FROM task_instance WHERE run_id = ? AND task_id = ?", run_id, task_id
        )
        return dict(zip(("state", "pid", "try_number"), rows[0], strict=True)) if rows else {"state": None}

    def result(self, run_id: str, task_id: str) -> Any:
        """Return the XCom of a task."""
        rows = self.query(
            "SELECT value FROM xcom WHERE run_id = ? AND task_id = ? AND key = 'return_value'", run_id, task_id
        )
        value = json.loads(str(rows[0][0]))  # SQLite returns numbers as numbers
        return json.loads(value) if isinstance(value, str) else value

    def logs(self, run_id: str) -> str:
        """Return the logs of a run's tasks."""
        files = sorted((self.home / "logs").rglob(f"run_id={run_id}/**/*.log"))
        return "\n".join(file.read_text() for file in files)

    def wait(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait until ``condition`` holds; return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in self._processes:
                assert process.poll() is None, self.component_logs()
            if value := condition():
                return value
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"timed out after {seconds} s\n{self.component_logs()}")

    def component_logs(self) -> str:
        """Return the last lines of the components' output."""
        files = sorted(self.home.glob("*.log"))
        return "\n\n".join("\n".join(file.read_text(errors="replace").splitlines()[-60:]) for file in files)


def _settings(home: Path, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # standalone calls "airflow"
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": "secret-key-of-one-test-run",
        "AIRFLOW__API_AUTH__JWT_SECRET": "secret-key-of-one-test-run-that-is-long-enough-for-512-bit-signatures",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # by default 5 s: on a busy machine, a task would fail before it starts
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        # another triggerer takes over the triggers of one without a heartbeat for so long
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
    }


@contextmanager
def live_airflow(
    connection: str | None,
    environment: Mapping[str, str] | None = None,
    write_dags: Callable[[Path], None] = prepare_dags,
) -> Iterator[LiveAirflow]:
    """Run an Airflow until the context exits."""
    with tempfile.TemporaryDirectory(prefix="upstash-vector-live-", ignore_cleanup_errors=True) as home:
        airflow = LiveAirflow(Path(home), connection, write_dags, environment)
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()
