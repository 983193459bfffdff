"""``airflow upstash-vector``, as a process of its own and in Airflow's parser."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from airflow_provider_upstash_vector import get_provider_info
from airflow_provider_upstash_vector.command_line.program import AIRFLOW, COMMANDS, create_parser
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.airflow_home import AirflowHome
from tests.support.bulk_runs import fill, stored

pytestmark = pytest.mark.needs("commands")

PROGRAM = (sys.executable, "-m", "airflow")


@pytest.fixture
def stored_connection(server: DevServer, airflow_home: AirflowHome) -> Iterator[str]:
    """A connection in the metadata database alone."""
    from airflow.models.connection import Connection  # noqa: PLC0415 - of the server's part of Airflow
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above

    with create_session() as session:
        session.add(Connection("of_database", "upstash_vector", host=server.url, password=server.token))
    yield "of_database"
    airflow_home.query("DELETE FROM connection WHERE conn_id = 'of_database'")


def test_a_connection_of_the_database(stored_connection: str, server: DevServer, tmp_path: Path) -> None:
    fill(server, ["a"])
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "metadata": {"n": 1}}\n{"id": ""}\n')
    process = subprocess.run(
        [*PROGRAM, "upstash-vector", "update", path, "--conn-id", stored_connection, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert process.returncode == 3, process.stderr
    report = json.loads(process.stdout)
    assert (report["updated"], report["rejected"], report["error"]["reason"]) == (1, 1, "failures")
    assert process.stderr.splitlines()[-1].startswith("error: 1 failure exceeds --max-failures 0")
    assert "row 1" in process.stderr
    assert server.token not in process.stdout + process.stderr
    assert stored(server) == {"a": {"n": 1}}


@pytest.mark.usefixtures("airflow_home", "connection")
def test_a_signal_cancels_it(server: DevServer) -> None:
    server.faults.add(Fault(kind="slow", seconds=60.0, command="info"))
    process = subprocess.Popen(
        [*PROGRAM, "upstash-vector", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 120
    while not server.requests["info"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    server.faults.clear()
    assert (process.returncode, output) == (130, ""), errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"],
        ["--help"],
        ["query", "--vector", "[1, 2]", "--json"],
        ["fetch", "--ids", "-1", "--", "--no"],
        ["-h", "-q", ""],
        [],
    ],
)
def test_airflows_parser_passes_all_arguments_on(arguments: list[str]) -> None:
    from airflow.cli import cli_parser  # noqa: PLC0415 - takes seconds

    module, _, function = get_provider_info()["cli"][0].rpartition(".")
    (command,) = getattr(import_module(module), function)()
    parser = argparse.ArgumentParser(prog="airflow")
    cli_parser._add_command(parser.add_subparsers(dest="subcommand"), command)
    parsed = parser.parse_args(["upstash-vector", *arguments])
    assert (parsed.arguments, parsed.func) == (arguments, command.func)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_default_connection(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        create_parser(AIRFLOW).parse_args([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: airflow upstash-vector {command} ")
    assert "upstash_vector_default" in text
    assert "--url" not in text
    assert "UPSTASH_VECTOR_REST_TOKEN" not in text
