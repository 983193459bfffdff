"""The command line of bulk runs, as its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
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
        [sys.executable, "-m", "airflow_provider_upstash_vector.bulk", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_file_is_sent_and_the_report_printed(server: DevServer, path: Path) -> None:
    done = command(path, "--url", server.url, "--id-field=key", UPSTASH_VECTOR_REST_TOKEN=server.token)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["updated"] == 2
    assert stored(server) == {"a": {"n": 1}, "b": {"n": 2}}


def test_shards_and_the_url_from_the_environment(server: DevServer, path: Path) -> None:
    where = {"UPSTASH_VECTOR_REST_TOKEN": server.token, "UPSTASH_VECTOR_REST_URL": server.url}
    options = ("--id-field=key", "--metadata-update-mode=PATCH", "--max-failures=0.5", "--no-check-index")
    reports = [json.loads(command(path, f"--shard={n}/2", *options, **where).stdout) for n in range(2)]
    assert [report["updated"] for report in reports] == [1, 1]
    assert "info" not in server.requests


def test_an_airflow_connection(server: DevServer, path: Path) -> None:
    connection = {"AIRFLOW_CONN_MY_INDEX": connection_json(server)}
    done = command(f"file://{path}", "--conn-id=my_index", "--id-field=key", **connection)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["updated"] == 2


def test_too_many_failures_end_with_1_and_the_report(server: DevServer, path: Path) -> None:
    done = command(path, "--url", server.url, UPSTASH_VECTOR_REST_TOKEN=server.token)
    assert done.returncode == 1
    assert json.loads(done.stdout)["rejected"] == 1
    assert "row 0" in done.stderr
    assert "key: there is no such field" in done.stderr
    assert "1 failure exceeds max_failures=0" in done.stderr.splitlines()[-1]
    assert server.token not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/nowhere.jsonl", "--url", "http://127.0.0.1:1"], "there is no file /nowhere.jsonl"),
        (["rows.jsonl"], "The REST URL is missing"),
        (["rows.jsonl", "--url", "http://127.0.0.1:1", "--concurrency=0"], "concurrency must be from 1"),
        (["rows.jsonl", "--url", "http://127.0.0.1:1", "--shard=2"], "argument --shard"),
        (["rows.jsonl", "--url", "http://127.0.0.1:1", "--max-failures=many"], "argument --max-failures"),
        (["s3://bucket/rows.jsonl", "--url", "http://127.0.0.1:1"], "only Airflow reads s3://"),
    ],
)
def test_invalid_arguments_end_with_2_and_a_message(arguments: list[str], sentence: str) -> None:
    done = command(*arguments, UPSTASH_VECTOR_REST_TOKEN="some-token")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_index_that_cannot_be_reached(path: Path) -> None:
    done = command(path, "--url=http://127.0.0.1:1", "--id-field=key", UPSTASH_VECTOR_REST_TOKEN="some-token")
    assert done.returncode == 2
    assert "cannot connect" in done.stderr
    assert "Traceback" not in done.stderr
