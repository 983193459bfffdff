"""The file of missing ids: every entry point, runs that stop and resume, files that are not its own."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.command_line.program import main
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator
from tests.support.bulk_runs import Run, failed, fill
from tests.support.harness import context, task_instance

ROWS = [{"id": f"v{n}", "data": "x", "namespace": "ns" if n % 3 else ""} for n in range(60)]
STORED = [f"v{n}" for n in range(0, 60, 2)]
MISSING = sorted((row["id"], row["namespace"]) for row in ROWS if row["namespace"] or row["id"] not in STORED)


def missing(path: Any) -> list[tuple[str, str]]:
    """Return ids and namespaces of a file; every line has the row's number."""
    lines = [json.loads(line) for line in path.open("rb")]
    for line in lines:
        assert line["failure"]["outcome"] == "missing"
        assert ROWS[line["failure"]["row"]]["id"] == line["id"]
    return sorted((line["id"], line["namespace"]) for line in lines)


@pytest.mark.parametrize("on_missing", ["ignore", "skip", "fail"])
@pytest.mark.parametrize("place", ["local", "memory"])
def test_runs_that_stop_and_resume_leave_each_id_once(
    server: DevServer, run: Run, tmp_path: Path, place: str, on_missing: str
) -> None:
    fill(server, STORED)
    path = UPath(f"memory://{uuid.uuid4()}/missing") if place == "memory" else tmp_path / "missing"
    options: dict[str, Any] = {"missing_path": path, "checkpoint": tmp_path / "checkpoint"}
    options |= {"on_missing": on_missing, "max_failures": 1_000, "max_concurrency": 3}
    runs = 0
    while True:
        runs += 1
        report = run(ROWS, daily_budget=runs * 13, on_budget="return", **options)
        if report.finished:
            break
    assert (runs, report.missing) == (5, len(MISSING))
    assert missing(path) == MISSING
    run(ROWS[:2], **options)
    assert missing(path) == [("v1", "ns")]  # those of one job


def test_a_killed_run_leaves_each_id_once(server: DevServer, run: Run, tmp_path: Path) -> None:
    fill(server, STORED)
    rows, path, checkpoint = tmp_path / "rows.jsonl", tmp_path / "missing", tmp_path / "checkpoint"
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    arguments = [str(rows), f"--missing-path={path}", f"--checkpoint={checkpoint}", "--max-rows-per-second=40"]
    environment = {"UPSTASH_VECTOR_REST_TOKEN": server.token, "UPSTASH_VECTOR_REST_URL": server.url}
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_upstash_vector", "update", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end, count = time.monotonic() + 60, random.randint(5, 40)
    while server.requests["update"] < count and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    report = run(rows, missing_path=path, checkpoint=checkpoint)
    assert report.missing == len(MISSING)
    assert missing(path) == MISSING


def test_every_entry_point_has_it(
    server: DevServer, connection: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, STORED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPSTASH_VECTOR_REST_TOKEN", server.token)
    Path("rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    path = tmp_path / "missing"

    operator = BulkUpdateVectorsOperator(
        task_id="t", rows="rows.jsonl", missing_path="{{ params.path }}", failures_path="failures"
    )
    variables: Any = {**context({"path": "missing"}), "ti": task_instance()}
    operator.render_template_fields(variables)
    manifest = operator.execute(variables)
    # of a run that found the file by a relative path, on a worker whose folder nobody knows
    assert (manifest["missing_path"], manifest["failures_path"]) == (f"{path}", f"{tmp_path}/failures")
    assert missing(path) == MISSING
    path.unlink()
    with UpstashVectorHook() as hook:
        report = hook.bulk_update("rows.jsonl", missing_path=Path("missing"))
    assert str(report).endswith(f"; missing_path: {path}")
    assert missing(path) == MISSING
    path.unlink()
    assert main(["update", "rows.jsonl", f"--url={server.url}", "--missing-path=missing"]) == 0
    assert missing(path) == MISSING


def test_it_replaces_no_other_file(server: DevServer, run: Run, endpoint: Endpoint, tmp_path: Path) -> None:
    fill(server, STORED)
    path = tmp_path / "notes"
    for other in ("failures_path", "checkpoint"):
        with pytest.raises(bulk.InvalidRows, match="are the same file"):
            run(ROWS, missing_path=path, **{other: path})
    path.write_text("mine\n")
    with pytest.raises(bulk.InvalidRows, match="set missing_path to another path"):
        run(ROWS, missing_path=path)
    assert path.read_text() == "mine\n"
    assert run(ROWS, missing_path=path, dry_run=True).missing_path is None
    assert path.read_text() == "mine\n"
    path = tmp_path / "file" / "missing"
    (tmp_path / "file").write_text("")
    error = failed(lambda: run(ROWS, missing_path=path))
    assert error.reason == "missing_file"
    assert str(path) in str(error)
    assert not server.requests["update"]
