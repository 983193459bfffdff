"""The dev server as a process and as a context manager: start, stop, files."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
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
    raise AssertionError(f"the dev server has ended with {process.wait()}")


def test_a_server_killed_amid_writes_has_kept_what_it_acknowledged(tmp_path: Path) -> None:
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

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(1.0)
    process.send_signal(signal.SIGKILL)
    with process:
        process.wait(10)
    for writer in writers:
        writer.join(10)
    ids = [id for written in acknowledged for id in written]
    assert len(ids) > 20
    with DevServer(database=database, dimension=2, token="t") as server:
        api = Api(server)
        for start in range(0, len(ids), 1_000):
            part = ids[start : start + 1_000]
            found = api("/fetch", {"ids": part, "includeData": True})
            assert [item and item["data"] for item in found] == part
        api.http.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_it_is_asked_to(number: signal.Signals) -> None:
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
def test_wrong_options(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_does_not_show_the_token() -> None:
    command = [sys.executable, "-m", "airflow_provider_upstash_vector.dev_server", "--help"]
    environ = {**os.environ, "UPSTASH_VECTOR_REST_TOKEN": "my-secret"}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert "--index-type" in ended.stdout
    assert "my-secret" not in ended.stdout + ended.stderr


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_server_that_cannot_start_leaves_nothing_open(tmp_path: Path, server: DevServer) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    port = int(server.url.rpartition(":")[2])
    server.clear()  # by now its thread has opened all that it needs
    before = open_files()
    for _ in range(5):
        with pytest.raises(ValueError, match="another kind"):
            DevServer(database=tmp_path / "index.db", dimension=3)
        with pytest.raises(OSError, match="in use"):
            DevServer(port=port)
    assert open_files() <= before


def test_a_server_that_was_not_started_can_be_stopped() -> None:
    DevServer().stop()


def test_a_file_of_another_kind_of_index_is_refused(tmp_path: Path) -> None:
    with DevServer(database=tmp_path / "index.db", dimension=2):
        pass
    with pytest.raises(ValueError, match="holds another kind of index"):
        DevServer(database=tmp_path / "index.db", dimension=3)


def test_specs_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="index_type must be one of"):
        DevServer(index_type="ROUND")
    with pytest.raises(ValueError, match="similarity must be one of"):
        DevServer(similarity="VAGUE")


def test_the_pytest_fixture(upstash_vector_dev_server: DevServer) -> None:
    headers = {"Authorization": f"Bearer {upstash_vector_dev_server.token}"}
    assert httpx.get(f"{upstash_vector_dev_server.url}/info", headers=headers).status_code == 200


def test_other_event_loops_of_the_process_stay_as_they_are() -> None:
    before = asyncio.new_event_loop()
    with DevServer() as server:
        httpx.get(server.url, trust_env=False)
        after = asyncio.new_event_loop()
    assert type(before) is type(after)
    before.close()
    after.close()
