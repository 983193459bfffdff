"""Runs a load, an update and a sync on a cluster, kills a worker in each, and compares the index with the source.

The cluster is Redis, PostgreSQL and every component of Airflow, with the CeleryExecutor and two workers, all on
loopback. The update is the sharded example, unchanged except for its number of shards, its rate, which is for a
hosted index, and its retry delay.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from scripts.cluster import rows
from scripts.cluster.airflow import Airflow
from scripts.cluster.processes import ClusterError, Processes, processes
from scripts.cluster.services import start_postgres, start_redis

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = "example_bulk_update_shards"
CHANGES = {
    "SHARDS = 16": f"SHARDS = {rows.SHARDS}",
    "WRITES_PER_SECOND = 1_000": "WRITES_PER_SECOND = 1_000_000",
    "timedelta(minutes=5)": "timedelta(seconds=1)",
}
_RUN_SECONDS = 900.0


@dataclass(frozen=True)
class Run:
    """A DAG whose mapped task is killed with its worker after so many write ``requests``."""

    task_id: str
    dag_id: str
    param: tuple[str, str]  # name, and path in the folder
    requests: int
    counts: tuple[str, ...]  # of the manifests
    result: Callable[[], Iterable[rows.Row]]


RUNS = (
    Run("load", "cluster_load", ("folder", ""), rows.ROWS // 2_000, ("total", "upserted"), rows.loaded),
    Run("update", EXAMPLE, ("rows", "update.jsonl"), rows.ROWS // 2, ("total", "updated"), rows.updated),
    Run(
        *("sync", "cluster_sync", ("folder", ""), rows.ROWS // 4),
        ("added", "changed", "metadata_only", "adopted", "unchanged", "deleted"),
        rows.synced,
    ),
)


def main() -> None:
    """Run the check; exit with code 1 and a message if it fails."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes of the cluster end as well
    try:
        with (
            tempfile.TemporaryDirectory(prefix="upstash-vector-cluster-", ignore_cleanup_errors=True) as folder,
            DevServer() as server,
            processes(Path(folder)) as running,
        ):
            run_all(Path(folder), server, running)
    except ClusterError as error:
        sys.exit(f"cluster: failed: {error}")


def run_all(folder: Path, server: DevServer, running: Processes) -> None:
    """Start the cluster, and run and check one DAG after the other."""
    say(f"{rows.ROWS:,} rows in {rows.SHARDS} shards")
    rows.write_sources(folder)
    say("Redis, PostgreSQL")
    broker, database = start_redis(running), start_postgres(running, folder)
    prepare_dags(folder / "dags")
    connection = {"conn_type": "upstash_vector", "host": server.url, "password": server.token}
    airflow = Airflow(running, folder, database, broker, json.dumps(connection))
    say("api-server, scheduler, dag-processor, triggerer, two workers")
    airflow.start()
    for run in RUNS:
        name, path = run.param
        seconds, requests = run_and_kill(run, {name: str(folder / path)}, server, running, airflow)
        show(run, airflow)
        say(f"{run.task_id}: {requests:,} write requests in {seconds:.0f} s, with the wait for the killed worker")
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            if difference := rows.find_difference(client, run.result):
                raise ClusterError(f"the index differs from the source: {difference}")
            say(f"{run.task_id}: all {client.info().vector_count:,} vectors of the index match the source")


def prepare_dags(folder: Path) -> None:
    """Copy the DAGs, the example with its changes for the cluster."""
    text = (ROOT / "example_dags" / f"{EXAMPLE}.py").read_text()
    for before, after in CHANGES.items():
        if before not in text:
            raise ClusterError(f"the example no longer contains {before!r}; adapt CHANGES")
        text = text.replace(before, after)
    shutil.copytree(Path(__file__).parent / "dags", folder)
    (folder / f"{EXAMPLE}.py").write_text(text)


def run_and_kill(
    run: Run, conf: dict[str, Any], server: DevServer, running: Processes, airflow: Airflow
) -> tuple[float, int]:
    """Run a DAG, kill a worker while it runs shards, start another; return seconds and write requests."""
    before = _writes(server)
    airflow.trigger(run.dag_id, run.task_id, conf)
    running.wait("the first writes", lambda: _writes(server) > before, _RUN_SECONDS)
    started = time.monotonic()

    def find_victim() -> str | None:
        if airflow.state(run.task_id):
            raise ClusterError(f"the {run.task_id} ended before a worker was killed")
        if _writes(server) - before < run.requests or airflow.waiting(run.task_id):
            return None
        return next(iter(airflow.shards_by_worker(run.task_id)), None)

    running.wait("half of the writes", find_victim, _RUN_SECONDS)
    shards = airflow.shards_by_worker(run.task_id)
    victim = max(shards, key=lambda name: shards[name])
    sent = _writes(server) - before
    say(f"{run.task_id}: {sent:,} write requests; killing {victim}, which runs {shards[victim]} shards")
    attempts = airflow.attempts(run.task_id)
    airflow.kill_worker(victim)
    running.wait("the end of the run", lambda: airflow.state(run.task_id), _RUN_SECONDS)
    seconds = time.monotonic() - started
    again = airflow.attempts(run.task_id) - attempts
    say(f"{run.task_id}: {again} shards were run again")
    if not again:
        raise ClusterError("the kill has interrupted no shard")
    airflow.start_worker()
    return seconds, _writes(server) - before


def show(run: Run, airflow: Airflow) -> None:
    """Print the shards of each worker and the sums of the counts; raise ``ClusterError`` if they are wrong."""
    tasks = airflow.query(
        "SELECT hostname, state FROM task_instance WHERE run_id = %s AND task_id = %s",
        run.task_id,
        run.task_id,
    )
    for worker, shards in sorted(Counter(host for host, _ in tasks).items()):
        say(f"{run.task_id}: {worker} finished {shards} shards")
    manifests = airflow.xcoms(run.task_id, run.task_id)
    sums = {name: sum(manifest[name] for manifest in manifests) for name in run.counts}
    say(f"{run.task_id}: counts of the manifests: {sums}")
    retries = sum(manifest.get("retries", 0) for manifest in manifests)
    say(f"{run.task_id}: {retries:,} rows were sent again after an error")
    if [state for _, state in tasks] != ["success"] * rows.SHARDS:
        raise ClusterError(f"expected {rows.SHARDS} successful shards: {tasks}")
    if "total" in sums and set(sums.values()) != {rows.ROWS}:
        raise ClusterError(f"expected {rows.ROWS:,} rows: {sums}")


def _writes(server: DevServer) -> int:
    return sum(server.requests[command] for command in ("upsert", "update", "delete"))


def say(text: str) -> None:
    """Print a progress line."""
    print(f"cluster: {text}", flush=True)


if __name__ == "__main__":
    main()
