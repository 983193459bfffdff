"""The commands of single calls, in this process and through a connection of Airflow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.command_line.program import COMMANDS, create_parser
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.command_line.conftest import Call
from tests.support.index_fixtures import connection_json


def test_calls_that_read(call: Call) -> None:
    code, info, errors = call("info")
    assert (code, info["vector_count"], info["namespaces"]["ns"]["vector_count"]) == (0, 9, 3)
    assert "error:" not in errors  # where Airflow may log
    assert call("list-namespaces")[:2] == (0, ["", "ns", "other"])
    query = (
        "query",
        "--vector=[2, 1]",
        "--top-k=5",
        "--filter=year < 1992",
        "--namespace=ns",
        "--include-metadata",
    )
    code, found, _ = call(*query)
    assert (code, [result.pop("score") > 0.5 for result in found]) == (0, [True, True])
    assert found == [{"id": "m1", "metadata": {"year": 1991}}, {"id": "m0", "metadata": {"year": 1990}}]
    both = ("--include-vectors", "--include-data")
    vector = {"id": "m1", "vector": [1, 1], "data": "é"}
    assert call("fetch", "--ids", "m1", "no", *both)[:2] == (0, [vector, None])
    assert [found["id"] for found in call("fetch", "--prefix=m")[1]] == ["m0", "m1", "m2"]


def test_calls_that_write(call: Call, endpoint: Endpoint) -> None:
    assert call("delete-vectors", "--ids", "m0", "no", "--namespace=", "--yes")[:2] == (0, {"deleted": 1})
    assert call("delete-vectors", "--filter=year = 1991", "--namespace=ns", "--yes")[:2] == (0, {"deleted": 1})
    code, output, errors = call("rename-namespace", "--namespace=ns", "--new-namespace=other")
    assert (code, output) == (1, {"renamed": False})
    assert errors.endswith("error: not renamed: another namespace has the new name\n")  # after Airflow's log
    assert call("rename-namespace", "--namespace=ns", "--new-namespace=new")[:2] == (0, {"renamed": True})
    assert call("reset", "--namespace=new", "--yes")[:2] == (0, {"reset": True})
    assert call("delete-namespace", "--namespace=new", "--yes")[:2] == (0, {"deleted": True})
    existing = ("--namespace=other", "--new-namespace=third", "--delete-existing")
    assert call("rename-namespace", *existing)[0] == 2
    assert call("rename-namespace", *existing, "--yes")[:2] == (0, {"renamed": True})
    with VectorClient(endpoint) as client:
        counts = {name: info.vector_count for name, info in client.info().namespaces.items()}
        assert counts == {"": 2, "third": 3}
        assert call("reset", "--all", "--yes")[:2] == (0, {"reset": True})
        assert client.info().vector_count == 0


def test_a_swap_and_its_way_back(call: Call, endpoint: Endpoint) -> None:
    with VectorClient(endpoint) as client:
        client.rename_namespace("other", "ns__20261125")
    names = {"namespace": "ns", "replacement": "ns__20261125", "previous": "ns__20261125__previous"}
    swap = ("swap-namespace", "--namespace=ns", "--replacement=ns__20261125")
    rollback = ("rollback-namespace", "--namespace=ns", "--previous=ns__20261125__previous")
    for arguments in (swap, swap, rollback, rollback, swap):
        assert call(*arguments)[:2] == (0, names)
    with VectorClient(endpoint) as client:
        client.rename_namespace("ns", "ns__20261126__previous")
    expire = ("expire-namespaces", "--pattern=ns__*", "--keep=1")
    code, output, errors = call(*expire)
    assert (code, output) == (2, None)
    assert errors.endswith("error: expire-namespaces cannot be undone, so it needs --yes\n")
    expired = {"deleted": ["ns__20261125__previous"], "kept": ["ns__20261126__previous"]}
    assert call(*expire, "--dry-run")[:2] == (0, {**expired, "dry_run": True})
    assert call(*expire, "--yes")[:2] == (0, {**expired, "dry_run": False})
    assert call("list-namespaces")[:2] == (0, ["", "ns__20261126__previous"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["delete-vectors", "--prefix=m", "--yes"], "delete-vectors cannot be undone, so it needs --namespace;"),
        (["delete-vectors", "--prefix=m", "--namespace="], "delete-vectors cannot be undone, so it needs --yes"),
        (["reset", "--yes"], "reset cannot be undone, so it needs --namespace or --all"),
        (
            ["reset", "--yes", "--all", "--namespace=ns"],
            "reset cannot be undone, so it needs --namespace or --all",
        ),
        (["reset", "--all"], "needs --yes"),
        (["delete-namespace", "--namespace=ns"], "needs --yes"),
        (["delete-namespace", "--namespace=", "--yes"], "the default namespace cannot be deleted"),
        (["delete-vectors", "--filter=", "--namespace=", "--yes"], "would delete everything"),
        (["query"], "set either data, or vector"),
        (["fetch", "--ids=a", "--prefix=b"], "set exactly one of ids and prefix"),
    ],
)
def test_a_refused_call_exits_with_2_and_deletes_nothing(
    call: Call, server: DevServer, arguments: list[str], error: str
) -> None:
    code, output, errors = call(*arguments)
    assert (code, output) == (2, None)
    assert error in errors
    assert "Traceback" not in errors
    assert server.requests["delete"] == server.requests["reset"] == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["delete-namespace", "--namespace=no", "--yes"], "404 Namespace no"),
        (["query", "--vector=[1, 2, 3]"], "422 Invalid vector dimension: 3, expected: 2"),
    ],
)
def test_a_call_that_the_service_refuses_exits_with_1(call: Call, arguments: list[str], error: str) -> None:
    code, output, errors = call(*arguments)
    assert (code, output) == (1, None)
    assert error in errors


def test_a_value_that_is_not_json_exits_with_2(call: Call) -> None:
    code, _, errors = call("query", "--vector=0.1;0.2")
    assert code == 2
    assert "argument --vector: must be JSON, got '0.1;0.2'" in errors


@pytest.mark.parametrize("call", ["conn_id"], indirect=True)
@pytest.mark.parametrize("command", ["info", "export backup", "copy --target-namespace=newer"])
def test_a_connection_of_another_type_is_refused(
    call: Call, server: DevServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server).replace("upstash_vector", "http", 1))
    server.requests.clear()
    _, _, errors = call(*command.split())
    assert "of the type 'http'" in errors
    assert "Airflow connection 'my_index'" in errors
    assert not server.requests


@pytest.mark.parametrize("command", ["info", "export backup", "copy --namespace=ns"])
def test_a_signal_cancels_a_call(server: DevServer, tmp_path: Path, command: str) -> None:
    server.faults.add(Fault(kind="slow", seconds=60.0, command="info"))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "airflow_provider_upstash_vector",
            *command.split(),
            f"--url={server.url}",
            "--json",
        ],
        cwd=tmp_path,
        env={**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not server.requests["info"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert ('"operations"' in output) == (command != "info")  # runs print their report
    assert "cancelled" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    server.faults.clear()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_every_command_has_its_help(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        create_parser().parse_args([command.name, "--help"])
    text = capsys.readouterr().out
    assert command.help.split(",")[0][:30] in text
    assert not {"``", ":class:", ":func:", ":param"} & {*text.split()}
    assert "``" not in text
