"""The Airflow home of a test run: a DAGs folder and a migrated metadata database, created once."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.airflow_features import AIRFLOW

ROOT = Path(__file__).parent.parent.parent
_ASSET = "asset" if AIRFLOW >= (3, 0) else "dataset"  # in the names of tables


class AirflowHome:
    """The DAGs, database and files of the test run's Airflow."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def dags(self) -> Path:
        return self.path / "dags"

    def xcoms(self, dag_id: str, run_id: str, key: str = "return_value") -> dict[tuple[str, int], Any]:
        """Return the XComs of a run by task id and map index, as stored."""
        query = "SELECT task_id, map_index, value FROM xcom WHERE dag_id = ? AND run_id = ? AND key = ?"
        with sqlite3.connect(self.path / "airflow.db") as database:
            rows = database.execute(query, (dag_id, run_id, key))
            # Airflow 2.11 stores bytes
            return {(task, i): v.decode() if isinstance(v, bytes) else v for task, i, v in rows}

    def query(self, sql: str) -> list[Any]:
        """Run a statement on the metadata database; return its rows."""
        with sqlite3.connect(self.path / "airflow.db") as database:
            return database.execute(sql).fetchall()

    def register_assets(self) -> None:
        """Register the assets of all DAGs, as the scheduler does: others are inactive in Airflow 3.0."""
        command = [sys.executable, "-m", "airflow", "dags", "reserialize"]
        process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
        assert process.returncode == 0, process.stderr

    def asset_events(self) -> list[Any]:
        """Return the extra of each asset event."""
        rows = self.query(f"SELECT extra FROM {_ASSET}_event ORDER BY id")  # noqa: S608 - one of two names
        return [json.loads(extra) for (extra,) in rows]

    def queued_dags(self) -> list[str]:
        """Return the ids of the DAGs that are queued by asset events."""
        rows = self.query(f"SELECT target_dag_id FROM {_ASSET}_dag_run_queue")  # noqa: S608 - as above
        return [dag_id for (dag_id,) in rows]

    def clear_asset_events(self) -> None:
        """Delete the asset events and the DAG runs that they have queued."""
        for table in (f"{_ASSET}_event", f"{_ASSET}_dag_run_queue"):
            self.query(f"DELETE FROM {table}")  # noqa: S608 - as above

    def all_files(self) -> Iterator[tuple[Path, bytes]]:
        """Yield each file with its content, including database and logs."""
        with tempfile.TemporaryDirectory() as folder:
            # copied by another process: closing a database file releases the SQLite locks of this process
            subprocess.run(["cp", "-r", f"{self.path}/.", folder], check=True, timeout=240)  # noqa: S607 - cp is on every PATH
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    yield file, file.read_bytes()


def readme_snippets() -> list[str]:
    """Return the Python blocks of the README that define a DAG."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [block for block in blocks if "DAG(" in block]


def prepare_dags(folder: Path) -> None:
    """Copy the examples, the tests' DAGs and those of the README into a DAGs folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in [*(ROOT / "example_dags").glob("*.py"), *(ROOT / "tests/system/dags").glob("*.py")]:
        shutil.copy(file, folder)
    for number, snippet in enumerate(readme_snippets()):
        (folder / f"readme_{number}.py").write_text(snippet)


@pytest.fixture(scope="session")
def airflow_home() -> AirflowHome:
    """Return the home of this run, with its DAGs and a migrated database."""
    home = AirflowHome(Path(os.environ["AIRFLOW_HOME"]))
    prepare_dags(home.dags)
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert process.returncode == 0, process.stderr
    return home
