"""The token is in no log, rendered field, XCom, exception or database of a run, whatever its outcome."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.airflow_home import AirflowHome
from tests.support.dag_runs import DagRun, load_dags
from tests.support.index_fixtures import connection_json

IDS = ["00123", "1e5", "1_000", "0x10", "1,2", "None", "True"]
TOKEN = "t0k/en+with=special%characters@in.it-4711"


@dataclass(frozen=True)
class Case:
    name: str
    message: str
    fault: Fault | None = None
    extra: dict[str, object] = field(default_factory=dict)
    valid_token: bool = True
    echo: bool = False
    dag: str = "example_update_vector"
    file: str = "example_update_vector"


CASES = [
    Case("success", "Updated vector 'movie-1'"),
    Case("native", "Updated vector '1e5'", dag="exact_ids_native", file="exact_ids"),
    Case("wrong token", "Invalid auth token", valid_token=False),
    Case("echoed by the service", "bad token ***", echo=True),
    Case("server error", "503 Injected fault", Fault(kind="status", status=503, times=9), {"max_attempts": 1}),
    Case("cut", "the connection broke", Fault(kind="cut", times=9), {"max_attempts": 1}),
    Case("bad extra", 'The extra "timeout"', extra={"timeout": "soon"}),
]


def forms_of(token: str) -> list[bytes]:
    encoded = base64.b64encode(token.encode()).decode().rstrip("=")
    return [form.encode() for form in {token, quote(token, safe=""), quote_plus(token), encoded}]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_token_anywhere(
    airflow_home: AirflowHome, case: Case, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = f"{TOKEN}-{CASES.index(case)}"
    with DevServer(token=token if case.valid_token else "another") as server:
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": id, "vector": [1, 2]} for id in ["movie-1", *IDS]])
        if case.echo:
            server.faults.add(Fault(kind="garbage", text=f"bad token {token}"))
        if case.fault:
            server.faults.add(case.fault)
        connection = connection_json(server, **case.extra).replace(server.token, token)
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection)
        DagRun(load_dags(airflow_home.dags / f"{case.file}.py")[case.dag])
    printed = capfd.readouterr()
    output = (printed.out + printed.err).encode()
    assert case.message.encode() in output
    for form in forms_of(token):
        assert form not in output
        for file, content in airflow_home.all_files():
            assert form not in content, file


def test_a_token_in_an_xcom_or_a_rendered_field_would_be_found(
    airflow_home: AirflowHome, server: DevServer, connection: str
) -> None:
    run = DagRun(load_dags(airflow_home.dags / "reported.py")["reported"])
    assert run.state == "success"
    for marker in (b"marker-in-an-xcom", b"marker-in-a-rendered-field"):
        assert any(marker in content for file, content in airflow_home.all_files() if file.suffix != ".py")
