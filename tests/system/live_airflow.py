"""A whole Airflow on loopback: api-server, scheduler and dag-processor, as a person would run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.airflow_home import prepare_dags

_START_SECONDS = 120
_POLL_SECONDS = 0.1
_COMPONENTS = ("api-server", "dag-processor", "scheduler")


class LiveAirflow:
    """A running Airflow, with the tests' DAGs or others, and a default connection where one is given."""

    def __init__(
        self,
        home: Path,
        connection: str | None,
        write_dags: Callable[[Path], None] = prepare_dags,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self._write_dags = write_dags
        self.port = _free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.environment = {**os.environ, **_settings(home, self.port), **(environment or {})}
        if connection is not None:
            self.environment["AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT"] = connection

    @property
    def url(self) -> str:
        """Where the UI and the API are."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Migrate the database and start the components; return when DAGs are there to be triggered."""
        self._write_dags(self.home / "dags")
        self.airflow("db", "migrate")
        for component in _COMPONENTS:
            with (self.home / f"{component}.log").open("wb") as log:
                command = [sys.executable, "-m", "airflow", component]
                self._processes.append(
                    subprocess.Popen(
                        command,
                        env=self.environment,
                        stdout=log,
                        stderr=log,
                        cwd=self.home,
                        start_new_session=True,
                    )
                )

    def stop(self) -> None:
        """Stop what was started, and what that has started."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for process in reversed(self._processes):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(10)

    def airflow(self, *arguments: str) -> str:
        """Run an ``airflow`` command; return what it prints."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def query(self, sql: str, *values: Any) -> list[Any]:
        """Return rows of the metadata database."""
        with sqlite3.connect(self.home / "airflow.db", timeout=30) as database:
            return database.execute(sql, values).fetchall()

    def trigger(self, dag_id: str, **conf: Any) -> str:
        """Trigger a DAG once it has been read; return the id of the run."""
        self.wait_for_dag(dag_id)
        run_id = f"test_{time.time_ns()}"
        self.airflow("dags", "unpause", dag_id)
        self.airflow("dags", "trigger", dag_id, "--run-id", run_id, "--conf", json.dumps(conf))
        return run_id

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG has been read."""
        self.wait(
            lambda: self.query("SELECT 1 FROM dag WHERE dag_id = ? AND NOT is_stale", dag_id), _START_SECONDS
        )

    def wait_for_ui(self) -> None:
        """Wait until the UI can be opened."""
        self.wait(self._answers, _START_SECONDS)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/api/v2/version"):  # noqa: S310 - our own http URL
                return True
        except OSError:
            return False

    def task(self, run_id: str, task_id: str) -> dict[str, Any]:
        """Return state, process id and number of tries of a task."""
        found = self.query(
            "SELECT state, pid, try_number FROM task_instance WHERE run_id = ? AND task_id = ?", run_id, task_id
        )
        return dict(zip(("state", "pid", "try_number"), found[0], strict=True)) if found else {"state": None}

    def result(self, run_id: str, task_id: str) -> Any:
        """Return the XCom of a task."""
        found = self.query(
            "SELECT value FROM xcom WHERE run_id = ? AND task_id = ? AND key = 'return_value'", run_id, task_id
        )
        value = json.loads(str(found[0][0]))  # SQLite gives numbers as such
        return json.loads(value) if isinstance(value, str) else value

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Do what the UI's "Mark as failed" does."""
        with urlopen(f"{self.url}/auth/token") as answer:  # noqa: S310 - our own http URL
            token = json.load(answer)["access_token"]
        request = Request(  # noqa: S310 - as above
            f"{self.url}/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}",
            data=json.dumps({"new_state": "failed"}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            method="PATCH",
        )
        urlopen(request).close()  # noqa: S310 - as above

    def logs(self, run_id: str) -> str:
        """Return the logs of a run's tasks."""
        files = sorted((self.home / "logs").rglob(f"run_id={run_id}/**/*.log"))
        return "\n".join(file.read_text() for file in files)

    def wait(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Wait until ``condition`` holds; return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in self._processes:
                assert process.poll() is None, self.component_logs()
            if found := condition():
                return found
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"waited for {seconds} s\n{self.component_logs()}")

    def component_logs(self) -> str:
        """Return the last lines of each component's log."""
        texts = []
        for component in _COMPONENTS:
            lines = (self.home / f"{component}.log").read_text(errors="replace").splitlines()
            texts.append("\n".join([component, *lines[-30:]]))
        return "\n\n".join(texts)


def _settings(home: Path, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}"
    return {
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
        "AIRFLOW__API__SECRET_KEY": "made-for-one-test-run",
        "AIRFLOW__API_AUTH__JWT_SECRET": "made-for-one-test-run-and-long-enough-for-a-signature-of-512-bits",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def live_airflow(connection: str | None, environment: Mapping[str, str] | None = None) -> Iterator[LiveAirflow]:
    """Run an Airflow for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="upstash-vector-live-", ignore_cleanup_errors=True) as home:
        airflow = LiveAirflow(Path(home), connection, environment=environment)
        try:
            airflow.start()
            yield airflow
        finally:
            airflow.stop()
