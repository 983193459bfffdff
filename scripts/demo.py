"""Demo: update a vector of a dev server in a real Airflow DAG run, and show the change.

Runs ``example_dags/example_update_vector.py`` with ``airflow dags test`` in a temporary AIRFLOW_HOME.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from airflow_provider_upstash_vector.client import Endpoint, FetchedVector, VectorClient
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.dev_server import DevServer

ROOT = Path(__file__).parent.parent
DAG_ID = "example_update_vector"
MOVIES = [
    {"id": "movie-1", "vector": [0.1, 0.9], "metadata": {"title": "Night Train", "genre": "drama", "year": 1951}},
    {"id": "movie-2", "vector": [0.8, 0.2], "metadata": {"title": "The Heist", "genre": "crime", "year": 1974}},
]
_MAX_LOG_LINES = 40


class DemoError(Exception):
    """A step failed; the message says which one and why."""


def main() -> None:
    """Run the steps; the first that fails ends the demo with a message and code 1."""
    try:
        with tempfile.TemporaryDirectory(prefix="upstash-vector-demo-") as home, DevServer() as server:
            say(f"dev server on {server.url}, {len(MOVIES)} vectors")
            with VectorClient(Endpoint.of(server.url, server.token)) as client:
                client.upsert(MOVIES)
                before = movie(client)
                run_dag(Path(home), server)
                after = movie(client)
            show_result(before, after, xcom(Path(home)))
    except (DemoError, UpstashVectorError, OSError, ValueError, sqlite3.Error) as error:
        sys.exit(f"demo: failed: {error}")
    say("done; all temporary files are removed")


def movie(client: VectorClient) -> FetchedVector:
    """Return the vector that the DAG changes."""
    (vector,) = client.fetch(["movie-1"], include_metadata=True)
    if vector is None:
        raise DemoError("movie-1 is not in the index")
    return vector


def run_dag(home: Path, server: DevServer) -> None:
    """Create a metadata database and run the DAG once."""
    connection = {"conn_type": "upstash_vector", "host": server.url, "password": server.token}
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT": json.dumps(connection),
    }
    airflow("migrating Airflow's database", environ, "db", "migrate")
    output = airflow(f"airflow dags test {DAG_ID}", environ, "dags", "test", DAG_ID)
    for line in output.splitlines():
        if "Updated vector" in line:
            print(f"    {line}")


def airflow(title: str, environ: dict[str, str], *arguments: str) -> str:
    """Run an airflow command; return its output."""
    say(title)
    started = time.monotonic()
    command = [sys.executable, "-m", "airflow", *arguments]
    process = subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300
    )
    output = process.stdout + process.stderr
    if process.returncode:
        tail = "\n".join(output.splitlines()[-_MAX_LOG_LINES:])
        raise DemoError(f"{title} failed with code {process.returncode}:\n{tail}")
    print(f"    took {time.monotonic() - started:.0f} s")
    return output


def xcom(home: Path) -> int:
    """Return the XCom of the DAG's task."""
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        query = "SELECT value FROM xcom WHERE dag_id = ? AND key = 'return_value'"
        rows = database.execute(query, (DAG_ID,)).fetchall()
    if len(rows) != 1:
        raise DemoError(f"expected one XCom return_value, found {len(rows)}")
    return int(rows[0][0])


def show_result(before: FetchedVector, after: FetchedVector, updated: int) -> None:
    """Print the change and check that it is the one of the DAG."""
    say("movie-1")
    print(f"    before  {json.dumps(before.metadata)}")
    print(f"    after   {json.dumps(after.metadata)}")
    print(f"    XCom    return_value = {updated}")
    if updated != 1 or after.metadata != {"title": "Night Train", "genre": "comedy", "year": 1951}:
        raise DemoError("movie-1 does not have the metadata that the DAG sets")


def say(text: str) -> None:
    """Print the heading of a step."""
    print(f"==> {text}", flush=True)


if __name__ == "__main__":
    main()
