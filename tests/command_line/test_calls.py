"""The commands of single calls, in this process and through a connection of Airflow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.command_line.calls import COMMANDS
from airflow_provider_upstash_vector.command_line.program import create_parser, main
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.index_fixtures import connection_json

Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture(params=["url", "conn_id"])
def call(
    server: DevServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Call]:
    """Run a command; return its exit code, what is in its last line of output, and its errors."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("UPSTASH_VECTOR_REST_TOKEN", server.token)
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server))
    index = f"--url={server.url}" if request.param == "url" else "--conn-id=my_index"

    def run(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([arguments[0], index, *arguments[1:]])
        output, errors = capsys.readouterr()
        return code, json.loads(output.splitlines()[-1]) if output else None, errors

    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        for namespace in ("", "ns", "other"):
            vectors = [
                {"id": f"m{n}", "vector": [n, 1], "metadata": {"year": 1990 + n}, "data": "é"} for n in range(3)
            ]
            client.upsert(vectors, namespace)
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_calls_that_read(call: Call) -> None:
    code, info, errors = call("info")
    assert (code, info["vector_count"], info["namespaces"]["ns"]["vector_count"], errors) == (0, 9, 3, "")
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
    assert errors == "error: not renamed: another namespace has the new name\n"
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
        (["delete-namespace", "--namespace=no", "--yes"], "404 Namespace no"),
        (["delete-vectors", "--filter=", "--namespace=", "--yes"], "would delete everything"),
        (["query"], "set either data, or vector"),
        (["query", "--vector=[1, 2, 3]"], "422 Invalid vector dimension: 3, expected: 2"),
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


def test_a_value_that_is_not_json_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["query", "--url=http://127.0.0.1:1", "--vector=0.1;0.2"])
    assert caught.value.code == 2
    assert "argument --vector: must be JSON, got '0.1;0.2'" in capsys.readouterr().err


def test_a_signal_cancels_a_call(server: DevServer) -> None:
    server.faults.add(Fault(kind="slow", seconds=60.0, command="info"))
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_upstash_vector", "info", f"--url={server.url}"],
        env={**os.environ, "UPSTASH_VECTOR_REST_TOKEN": server.token},
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
    assert (process.returncode, output) == (128 + signal.SIGTERM, "")
    assert errors.startswith("error: info: cancelled")
    assert "Traceback" not in errors
    server.faults.clear()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_its_help(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        create_parser().parse_args([command.name, "--help"])
    text = capsys.readouterr().out
    assert command.help.split(",")[0][:30] in text
    assert "``" not in text
