"""A command run in this process, on an index with vectors, by URL and through a connection of Airflow."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.command_line.program import main
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import connection_json

Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture(params=["url", "conn_id"])
def call(
    server: DevServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Call]:
    """Run a command; return its exit code, the JSON without its error, and what is on standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("UPSTASH_VECTOR_REST_TOKEN", server.token)
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server))
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")  # which a command would set until this process ends
    index = f"--url={server.url}" if request.param == "url" else "--conn-id=my_index"

    def run(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([arguments[0], index, "--json", *arguments[1:]])
        text, errors = capsys.readouterr()
        assert server.token not in text + errors
        output = json.loads(text)
        error = output.pop("error", None) if isinstance(output, dict) else None
        if error is not None:
            assert errors.endswith(f"error: {error['message']}\n")
        assert code == (0 if error is None else error["exit_code"])
        return code, output or None, errors

    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        for namespace in ("", "ns", "other"):
            vectors = [
                {"id": f"m{n}", "vector": [n, 1], "metadata": {"year": 1990 + n}, "data": "é"} for n in range(3)
            ]
            client.upsert(vectors, namespace)
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
