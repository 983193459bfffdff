"""A bulk update in a running Airflow whose token is rotated."""

from __future__ import annotations

import json
from pathlib import Path

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import fill
from tests.support.live_airflow import LiveAirflow

ROWS = 4_000


def test_a_bulk_task_continues_with_the_token_of_the_connection(airflow: LiveAirflow, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"id": "{n}", "metadata": {{"n": {n}}}}}\n' for n in range(ROWS)))
    with DevServer() as server:
        fill(server, map(str, range(ROWS)))
        airflow.add_connection("rotated", host=server.url, password=server.token)
        # hold the run after its first request, however slow Airflow's API is
        server.faults.add(Fault(kind="status", status=429, times=10**9, retry_after="1", command="update"))
        run_id = airflow.trigger("bulk_rows", rows=str(rows), conn_id="rotated")
        airflow.wait(lambda: server.requests["update"], 120)
        token = "t0k3n-that-is-the-new-one"
        airflow.enter_token("rotated", token)
        server.rotate_token(token)
        server.faults.clear()
        assert airflow.wait_for_end(run_id, "update") == "success", airflow.logs(run_id)
    manifest = airflow.result(run_id, "update")
    assert (manifest["updated"], manifest["failed"], airflow.task(run_id, "update")["try_number"]) == (ROWS, 0, 1)
    assert token not in airflow.logs(run_id)
    assert token not in json.dumps(manifest)
