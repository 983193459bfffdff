"""Runs the sharded example DAG on a cluster, kills a worker halfway, and compares the index with the source.

The cluster is Redis, PostgreSQL and every component of Airflow, with the CeleryExecutor and two workers, all on
loopback. The example is unchanged except for its rate, which is for a hosted index, and its retry delay.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from scripts.cluster.airflow import Airflow
from scripts.cluster.processes import ClusterError, Processes, processes
from scripts.cluster.services import start_postgres, start_redis

ROOT = Path(__file__).parent.parent.parent
DAG_ID = "example_bulk_update_shards"
SHARDS, ROWS_A_SHARD = 16, 20_000
ROWS = SHARDS * ROWS_A_SHARD
_RUN_SECONDS = 900.0
CHANGES = {
    "SHARDS = 16": f"SHARDS = {SHARDS}",
    "WRITES_PER_SECOND = 1_000": "WRITES_PER_SECOND = 1_000_000",
    "timedelta(minutes=5)": "timedelta(seconds=1)",
}


def main() -> None:
    """Run the check; exit with code 1 and a message if it fails."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="upstash-vector-cluster-", ignore_cleanup_errors=True) as folder,
            DevServer() as server,
            processes(Path(folder)) as running,
        ):
            run(Path(folder), server, running)
    except ClusterError as error:
        sys.exit(f"cluster: failed: {error}")


def run(folder: Path, server: DevServer, running: Processes) -> None:
    """Start the cluster, run the example and show the result."""
    rows = folder / "updates.jsonl"
    say(f"{ROWS:,} rows in {SHARDS} shards")
    with rows.open("w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in changes())
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert({"id": f"v{number}", "vector": [1, 1]} for number in range(ROWS))
    say("Redis, PostgreSQL")
    broker, database = start_redis(running), start_postgres(running, folder)
    prepare_dag(folder / "dags")
    connection = {"conn_type": "upstash_vector", "host": server.url, "password": server.token}
    airflow = Airflow(running, folder, database, broker, json.dumps(connection))
    say("api-server, scheduler, dag-processor, triggerer, two workers")
    airflow.start()
    run_id = airflow.trigger(DAG_ID, {"rows": str(rows)})
    running.wait("the first updates", lambda: server.requests["update"], _RUN_SECONDS)
    started = time.monotonic()
    running.wait("half of the updates", lambda: server.requests["update"] > ROWS // 2, _RUN_SECONDS)
    say(f"{server.requests['update']:,} updates sent; killing worker-2 and its tasks")
    running.kill(airflow.workers.pop())
    state = "SELECT state FROM dag_run WHERE run_id = %s AND state IN ('success', 'failed')"
    running.wait("the end of the run", lambda: airflow.query(state, run_id), _RUN_SECONDS)
    seconds = time.monotonic() - started
    show(airflow, run_id, server, seconds)
    compare(server)


def changes() -> Iterator[dict[str, Any]]:
    """Yield one change of each vector: two of the same vector could lose their order in different shards."""
    for number in range(ROWS):
        yield {"id": f"v{number}", "metadata": {"number": number}}


def prepare_dag(folder: Path) -> None:
    """Copy the example with the changes for the cluster."""
    text = (ROOT / "example_dags" / f"{DAG_ID}.py").read_text()
    for before, after in CHANGES.items():
        if before not in text:
            raise ClusterError(f"the example no longer contains {before!r}; adapt CHANGES")
        text = text.replace(before, after)
    folder.mkdir()
    (folder / f"{DAG_ID}.py").write_text(text)


def show(airflow: Airflow, run_id: str, server: DevServer, seconds: float) -> None:
    """Print the rows of each worker, the rate, and the counts of the last task."""
    tasks = airflow.query(
        "SELECT map_index, hostname, try_number FROM task_instance WHERE run_id = %s AND task_id = 'update'",
        run_id,
    )
    values = airflow.query(
        "SELECT task_id, map_index, value FROM xcom WHERE run_id = %s AND key = 'return_value'", run_id
    )
    manifests = {(task, index): _json(value) for task, index, value in values}
    by_worker: Counter[str] = Counter()
    for index, host, _ in tasks:
        by_worker[host] += manifests["update", index]["updated"]
    for worker, rows in sorted(by_worker.items()):
        say(f"{worker}: finished shards of {rows:,} rows")
    retried = sum(tries > 1 for *_, tries in tasks)
    retries = sum(manifest.get("retries", 0) for manifest in manifests.values())
    twice = server.requests["update"] - ROWS - retries
    say(f"{retried} shards were resumed after the kill")
    say(f"{twice:,} updates were sent twice, {retries:,} were retried after an error")
    say(f"{ROWS:,} rows in {seconds:.0f} s: {ROWS / seconds:,.0f}/s, including the wait for the killed worker")
    say(f"counts: {manifests['add_up', -1]}")
    if manifests["add_up", -1]["updated"] != ROWS:
        raise ClusterError("not every row was updated")


def compare(server: DevServer) -> None:
    """Compare every vector of the index with the source."""
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        stored = {vector.id: vector.metadata for vector in client.range(include_metadata=True, page_size=1_000)}
    if stored != {f"v{number}": {"number": number} for number in range(ROWS)}:
        raise ClusterError("the index differs from the source")
    say(f"all {ROWS:,} vectors of the index match the source")


def _json(value: Any) -> Any:
    parsed = json.loads(value) if isinstance(value, str) else value
    return json.loads(parsed) if isinstance(parsed, str) else parsed


def say(text: str) -> None:
    """Print a progress line."""
    print(f"cluster: {text}", flush=True)


if __name__ == "__main__":
    main()
