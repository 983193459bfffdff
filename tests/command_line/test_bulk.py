"""The command line of bulk runs, as its own process."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.command_line.bulk import PYTHON_ONLY, BulkCommand
from airflow_provider_upstash_vector.command_line.program import COMMANDS, create_parser
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.bulk_runs import fill, stored
from tests.support.index_fixtures import connection_json


@pytest.fixture
def path(server: DevServer, tmp_path: Path) -> Path:
    fill(server, ["a", "b"])
    file = tmp_path / "rows.jsonl"
    file.write_text('{"key": "a", "metadata": {"n": 1}}\n{"key": "b", "metadata": {"n": 2}}\n')
    return file


def command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "airflow_provider_upstash_vector", "update", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_file_is_sent_and_the_report_printed(server: DevServer, path: Path) -> None:
    process = command(path, "--url", server.url, "--id-field=key", UPSTASH_VECTOR_REST_TOKEN=server.token)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["updated"] == 2
    assert stored(server) == {"a": {"n": 1}, "b": {"n": 2}}


def test_shards_and_the_url_from_the_environment(server: DevServer, path: Path) -> None:
    environment = {"UPSTASH_VECTOR_REST_TOKEN": server.token, "UPSTASH_VECTOR_REST_URL": server.url}
    options = ("--id-field=key", "--metadata-update-mode=PATCH", "--max-failures=50%", "--no-check-index")
    reports = [json.loads(command(path, f"--shard={n}/2", *options, **environment).stdout) for n in range(2)]
    assert [report["updated"] for report in reports] == [1, 1]
    assert "info" not in server.requests


def test_an_airflow_connection(server: DevServer, path: Path) -> None:
    connection = {"AIRFLOW_CONN_MY_INDEX": connection_json(server)}
    process = command(f"file://{path}", "--conn-id=my_index", "--id-field=key", **connection)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout.splitlines()[-1])["updated"] == 2


def test_too_many_failures_exit_with_1_and_the_report(server: DevServer, path: Path) -> None:
    process = command(path, "--url", server.url, UPSTASH_VECTOR_REST_TOKEN=server.token)
    assert process.returncode == 1
    assert json.loads(process.stdout)["rejected"] == 1
    assert "row 0" in process.stderr
    assert "key: there is no such field" in process.stderr
    assert "1 failure exceeds --max-failures 0" in process.stderr.splitlines()[-1]
    assert server.token not in process.stdout + process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere.jsonl", "--url", "http://127.0.0.1:1"], "there is no file /nowhere.jsonl"),
        (["rows.jsonl"], "The REST URL is missing"),
        (["rows.jsonl", "--url", "http://127.0.0.1:1", "--max-concurrency=0"], "--max-concurrency must be from 1"),
        (
            ["rows.jsonl", "--url", "http://127.0.0.1:1", "--shard=2"],
            "argument --shard: must be I/N, such as 0/4, got '2'",
        ),
        (["rows.jsonl", "--url", "http://127.0.0.1:1", "--max-failures=0.01"], 'write "1%"'),
        (["s3://bucket/rows.jsonl", "--url", "http://127.0.0.1:1"], "only Airflow reads s3://"),
    ],
)
def test_an_invalid_call_exits_with_2_and_a_message(arguments: list[str], message: str) -> None:
    process = command(*arguments, UPSTASH_VECTOR_REST_TOKEN="some-token")
    assert process.returncode == 2
    assert message in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("hanging", [False, True])
def test_a_signal_stops_the_run_as_a_cancellation_does(
    server: DevServer, tmp_path: Path, number: signal.Signals, hanging: bool
) -> None:
    ids = [f"v{row}" for row in range(1_000)]
    fill(server, ids)
    path, checkpoint = tmp_path / "rows.jsonl", tmp_path / "checkpoint"
    path.write_text("".join(f'{{"id": "{id}", "metadata": {{"n": 1}}}}\n' for id in ids))
    if hanging:
        server.faults.add(Fault(kind="slow", seconds=20.0, command="update"))
    program = [sys.executable, "-m", "airflow_provider_upstash_vector", "update", str(path), "--url", server.url]
    options = [f"--checkpoint={checkpoint}", "--max-rows-per-second=100", "--progress=log"]
    environment = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token}
    process = subprocess.Popen(
        [*program, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while server.requests["update"] < 30:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    output, log = process.communicate(timeout=60)
    report = json.loads(output)
    assert process.returncode == 128 + number, log
    assert log.splitlines()[-1].startswith("error: the run was cancelled")
    assert "Traceback" not in log
    assert report["updated"] + report["failed"] == server.requests["update"] < 1_000
    assert (report["failed"] > 0) == hanging
    server.faults.clear()
    again = command(path, "--url", server.url, options[0], UPSTASH_VECTOR_REST_TOKEN=server.token)
    assert (again.returncode, json.loads(again.stdout)["updated"]) == (0, 1_000)
    assert server.requests["update"] == 1_000 + report["failed"]


def test_an_index_that_cannot_be_reached(path: Path) -> None:
    process = command(path, "--url=http://127.0.0.1:1", "--id-field=key", UPSTASH_VECTOR_REST_TOKEN="some-token")
    assert process.returncode == 2
    assert "cannot connect" in process.stderr
    assert "Traceback" not in process.stderr


RUNS = [command for command in COMMANDS.values() if isinstance(command, BulkCommand)]
VALUES: dict[str, tuple[str, Any]] = {
    "progress": ("=log", "log"),
    "if_not_empty": ("=fail", "fail"),
    "page_size": ("=5", 5),
    "namespaces": ("=ns", ["ns"]),
    "include": ("=data", ["data"]),
    "compression": ("=gz", "gz"),
    "max_part_bytes": ("=100", 100),
    "export format": ("=parquet", "parquet"),
    "namespace": ("=ns", "ns"),
    "metadata_update_mode": ("=PATCH", "PATCH"),
    "max_concurrency": ("=8", 8),
    "max_rows_per_second": ("=0.5", 0.5),
    "max_failures": ("=3", "3"),
    "on_missing": ("=fail", "fail"),
    "daily_budget": ("=10", 10),
    "on_budget": ("=return", "return"),
    "time_limit_seconds": ("=2.5", 2.5),
    "dry_run": ("", True),
    "shard": ("=1/3", (1, 3)),
    "format": ("=csv", "csv"),
    "metadata_fields": ("=genre,year", ["genre", "year"]),
    "max_rows_per_request": ("=50", 50),
    "request_timeout_seconds": ("=60", 60.0),
    "embed_batch_size": ("=8", 8),
    "embed_concurrency": ("=2", 2),
    "embed_attempts": ("=3", 3),
}


@pytest.mark.parametrize("command", RUNS, ids=lambda command: command.name)
def test_every_argument_of_a_run_is_an_option_of_the_command_line(command: BulkCommand) -> None:
    start = [command.name] if command.name == "copy" else [command.name, "PATH"]
    parameters = inspect.signature(command.start).parameters.values()
    names = {part.name: part.default for part in parameters if part.kind is part.KEYWORD_ONLY}
    for name, default in names.items():
        if name in PYTHON_ONLY:
            continue
        text, value = VALUES.get(f"{command.name} {name}", VALUES.get(name, ("=x", "x")))
        if default is True:
            text, value = "", False
        no = "no-" if default is True else ""
        argument = f"--{no}{name.replace('_', '-')}{text}"
        parsed = vars(create_parser().parse_args([*start, argument]))
        result = parsed[name]
        assert (result, type(result)) == (value, type(value))
        given = {name for name, other in parsed.items() if other is not None}
        assert given - {"rows", "path"} == {"command", "names", name}
