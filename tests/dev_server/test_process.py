"""Starting and stopping the dev server, as a process and as a context manager, and its database files."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.dev_api import Api


def start_process(*options: str, stderr: int | None = None) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--port", "0", *options]
    environ = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": "t"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("export UPSTASH_VECTOR_REST_URL="):
            return process, line.strip().split("=")[1]
    raise AssertionError(f"the dev server ended with code {process.wait(10)}")


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    database = str(tmp_path / "index.db")
    headers = {"Authorization": "Bearer t"}
    process, url = start_process("--database", database, "--dimension", "2")
    acknowledged: list[list[str]] = [[], [], [], []]

    def write(writer: int) -> None:
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as http, suppress(httpx.TransportError):
            for number in range(100_000):
                id = f"{writer}-{number}"
                assert http.post("/upsert", json={"id": id, "vector": [1, number]}).status_code == 200
                assert http.post("/update", json={"id": id, "data": id}).json() == {"result": {"updated": 1}}
                acknowledged[writer].append(id)

    writers = [threading.Thread(target=write, args=(writer,), daemon=True) for writer in range(4)]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 60
    while sum(map(len, acknowledged)) < 100 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    with process:
        process.wait(10)
    for writer in writers:
        writer.join(10)
        assert not writer.is_alive()
    ids = [id for writer_ids in acknowledged for id in writer_ids]
    assert len(ids) >= 100
    with DevServer(database=database, dimension=2, token="t") as server, Api(server) as api:
        for start in range(0, len(ids), 1_000):
            part = ids[start : start + 1_000]
            fetched = api("/fetch", {"ids": part, "includeData": True})
            assert [item and item["data"] for item in fetched] == part


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_on_a_signal(number: signal.Signals) -> None:
    process, url = start_process(stderr=subprocess.PIPE)
    with process:
        assert httpx.get(f"{url}/info", headers={"Authorization": "Bearer t"}).status_code == 200
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--index-type", "round"], "invalid choice"),
        (["--dimension", "0"], "dev_server: dimension must be from 1 to 5376"),
        (["--port", "99999"], "dev_server: "),
        (["--database", "/nonexistent/index.db"], "dev_server: unable to open database file"),
        (["--database", __file__], "dev_server: file is not a database"),
    ],
)
def test_invalid_options(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", *options]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode != 0
    assert message in process.stderr
    assert "Traceback" not in process.stderr


def test_help_does_not_show_the_token() -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--help"]
    environ = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": "my-secret"}
    process = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=120)
    assert "--index-type" in process.stdout
    assert "my-secret" not in process.stdout + process.stderr


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_server_that_fails_to_start_closes_its_files(tmp_path: Path, server: DevServer) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    port = int(server.url.rpartition(":")[2])
    server.clear()  # by now its thread has opened all its files
    before = open_files()
    for _ in range(5):
        with pytest.raises(ValueError, match="another kind"):
            DevServer(database=tmp_path / "index.db", dimension=3)
        with pytest.raises(OSError, match="in use"):
            DevServer(port=port)
    assert open_files() <= before


def test_a_file_of_another_version_is_an_error(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        database.execute("CREATE TABLE vector (id TEXT)")
    with pytest.raises(ValueError, match="was not written by this version of the dev server"):
        DevServer(database=tmp_path / "index.db")


def test_a_server_that_was_not_started_can_be_stopped() -> None:
    DevServer().stop()


def test_a_file_of_another_kind_of_index_is_an_error(tmp_path: Path) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    with pytest.raises(ValueError, match="holds another kind of index"):
        DevServer(database=tmp_path / "index.db", dimension=3)


def test_invalid_specs() -> None:
    with pytest.raises(ValueError, match="index_type must be one of"):
        DevServer(index_type="ROUND")
    with pytest.raises(ValueError, match="similarity must be one of"):
        DevServer(similarity="VAGUE")


def test_the_pytest_fixture(upstash_vector_dev_server: DevServer) -> None:
    headers = {"Authorization": f"Bearer {upstash_vector_dev_server.token}"}
    assert httpx.get(f"{upstash_vector_dev_server.url}/info", headers=headers).status_code == 200


def test_the_event_loop_policy_of_the_process_is_unchanged() -> None:
    before = asyncio.new_event_loop()
    with DevServer() as server:
        httpx.get(server.url, trust_env=False)
        after = asyncio.new_event_loop()
    assert type(before) is type(after)
    before.close()
    after.close()
