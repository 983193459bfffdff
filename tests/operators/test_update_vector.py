"""The operator's behaviour: results, missing ids, errors, secrets."""

from __future__ import annotations

import inspect
import socket
import traceback
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.client import Endpoint, VectorClient, errors
from airflow_provider_upstash_vector.decorators.upstash_vector import upstash_vector_update_task
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.base.one_vector import OneVectorOperator
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.support.airflow_home import AirflowHome
from tests.support.harness import context, rendered, run, task_instance
from tests.support.index_fixtures import connection_json

PLAIN = False


@pytest.fixture
def stored(server: DevServer, connection: str) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": "a", "vector": [0, 0], "metadata": {"x": 1}}])


@pytest.mark.usefixtures("stored")
def test_the_updated_count_is_returned() -> None:
    result = run(PLAIN, vector_id="a", metadata={"x": 2})
    assert result == 1
    assert type(result) is int


@pytest.mark.usefixtures("stored")
def test_a_missing_id_warns_fails_or_skips(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    missing: dict[str, Any] = {"vector_id": "b", "data": "x", "namespace": "ns"}
    message = "There is no vector 'b' in namespace 'ns'; nothing was updated."
    assert run(PLAIN, **missing) == run(PLAIN, **missing, on_missing="ignore") == 0
    logs = (caplog.text, capsys.readouterr().out)  # it depends on Airflow which has it, or both
    assert max(log.count(message) for log in logs) == 2
    with pytest.raises(AirflowFailException, match=message):
        run(PLAIN, **missing, on_missing="fail")
    with pytest.raises(AirflowSkipException, match=message):
        run(PLAIN, **missing, on_missing="skip")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("mode", ["PATCH", "OVERWRITE"])
def test_a_mode_in_default_args_does_not_affect_tasks_without_metadata(mode: str) -> None:
    defaults = {"metadata_update_mode": mode}
    with DAG("d", schedule=None, default_args=defaults):
        operator = UpdateVectorOperator(task_id="t", vector_id="a", vector=[1, 1])

        @upstash_vector_update_task
        def change() -> dict[str, Any]:
            return {"id": "a", "vector": [1, 2]}

        decorated: Any = change()
    for instance in (operator, decorated.operator):
        assert instance.metadata_update_mode == mode
        instance.render_template_fields(context({}))
        assert instance.execute(context({})) == 1


def test_on_missing_is_checked_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="on_missing must be ignore, fail or skip, got 'warn'"):
        UpdateVectorOperator(task_id="t", vector_id="a", data="x", on_missing="warn")  # type: ignore[arg-type]  # the mistake in question


@pytest.mark.parametrize("make", [UpdateVectorOperator, UpdateVectorOperator.partial, BulkUpdateVectorsOperator])
def test_a_literal_mode_is_checked_when_the_dag_is_parsed(make: Any) -> None:
    def parse(mode: str) -> None:
        with DAG("d", schedule=None):
            arguments: dict[str, Any] = {"task_id": "t", "metadata_update_mode": mode}
            if make is BulkUpdateVectorsOperator:
                make(**arguments, rows=[])
            elif make is UpdateVectorOperator:
                make(**arguments, vector_id="a")
            else:
                make(**arguments, metadata={"x": 1}).expand(vector_id=["a"])

    for wrong in ("MERGE", "over-write", ""):
        with pytest.raises(
            ValueError, match=f"metadata_update_mode: must be OVERWRITE or PATCH, got str '{wrong}'"
        ):
            parse(wrong)
    for possible in ("patch", "OVERWRITE", "{{ params.mode }}", "{% if x %}PATCH{% endif %}", "<< mode >>"):
        parse(possible)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"metadata": {"x": 2}}, "metadata (OVERWRITE)"),
        ({"metadata": {"x": 2}, "metadata_update_mode": "patch"}, "metadata (PATCH)"),
        ({"data": "x", "vector": "[1, 2]", "metadata_update_mode": "PATCH"}, "vector, data"),
    ],
)
def test_the_success_line_says_what_was_changed_and_how(
    values: dict[str, Any], changes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = rendered(PLAIN, vector_id="a", **values)
    log = Mock()
    monkeypatch.setattr(type(operator), "log", log)
    operator.execute(context({}))
    lines = [call.args[0] % call.args[1:] for call in log.info.call_args_list]
    assert lines == [f"Updated vector 'a' in the default namespace: {changes}."]


@pytest.mark.parametrize(
    "operator",
    [
        UpdateVectorOperator(task_id="t", vector_id="a", data="x", upstash_vector_conn_id="no_such"),
        BulkUpdateVectorsOperator(task_id="t", rows=[], upstash_vector_conn_id="no_such"),
        UpstashVectorIndexReadySensor(task_id="t", upstash_vector_conn_id="no_such"),
    ],
)
def test_a_missing_connection_fails_at_once(operator: Any, airflow_home: AirflowHome) -> None:
    with pytest.raises(AirflowFailException, match="airflow connections add no_such --conn-type upstash_vector"):
        operator.execute({**context({}), "ti": task_instance()})


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vector": [1]}, "update of 'a' in the default namespace: 422 Invalid vector dimension: 1, expected: 2"),
        ({"metadata": "{[1]: 2}"}, "metadata: must be a JSON object"),
        ({"metadata": {}, "metadata_update_mode": "{{ '' }}"}, "must be OVERWRITE or PATCH, got str ''"),
        ({"data": "x", "namespace": "n" * 70_000}, "namespace: 70,000 characters in a path"),
        ({"vector": "[1, 'x']"}, "vector: element 1 must be a number, got str 'x'"),
        (
            {"vector": "0.1; 0.2", "namespace": "ns"},
            "update of 'a' in namespace 'ns': vector: must be a list of numbers, e.g. [0.1, 0.2], got the text",
        ),
        ({"sparse_vector": "x"}, 'sparse_vector: must be an object {"indices": [...], "values": [...]}'),
        ({"metadata": "[1, 2]"}, "metadata: must be a JSON object, got list [1, 2]"),
        ({"metadata": "not {json"}, 'metadata: must be a JSON object, e.g. {"genre": "drama"}, got the text'),
        (
            {"metadata": {"x": 1}, "metadata_update_mode": "{{ 'MERGE' }}"},
            "must be OVERWRITE or PATCH, got str 'MERGE'",
        ),
        ({"data": 0.5}, "data: must be text, a whole number or a UUID, got float 0.5"),
        ({"data": "x", "namespace": 1.5}, "namespace: must be text, a whole number or a UUID, got float 1.5"),
        ({}, "nothing to update: give vector, sparse_vector, data or metadata"),
    ],
)
def test_invalid_input_fails_immediately(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException) as caught:
        run(PLAIN, vector_id="a", **values)
    assert message in str(caught.value)


@pytest.mark.usefixtures("stored")
def test_an_id_that_is_not_text_fails_immediately(server: DevServer) -> None:
    with pytest.raises(
        AirflowFailException, match=r"vector_id: must be .* got float 100000\.0; pandas' type Int64"
    ):
        run(PLAIN, vector_id=1e5, data="x")
    assert not server.requests["update"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422])
@pytest.mark.usefixtures("stored")
def test_permanent_errors_fail_immediately(server: DevServer, status: int) -> None:
    server.faults.add(Fault(kind="status", status=status, times=9))
    with pytest.raises(AirflowFailException, match=f"{status} Injected fault"):
        run(PLAIN, vector_id="a", data="x")
    assert server.requests["update"] == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind="status", status=503, times=9), errors.ServerError),
        (Fault(kind="status", status=429, times=9), errors.RateLimited),
        (Fault(kind="cut", times=9), errors.ResponseLost),
        (Fault(kind="quota"), errors.QuotaExceeded),
        (Fault(kind="garbage"), errors.InvalidResponse),
    ],
)
def test_transient_errors_are_left_to_the_tasks_retries(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: type[Exception]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
    server.faults.add(fault)
    with pytest.raises(kind):
        run(PLAIN, vector_id="a", data="x")


@pytest.mark.parametrize("fields", [{"password": ""}, {"host": ""}, {"password": "***"}])
def test_an_invalid_connection_fails_immediately(monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]) -> None:
    connection = {"conn_type": "upstash_vector", "host": "x.io", "password": "t0k3n", **fields}
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", str(connection).replace("'", '"'))
    with pytest.raises(AirflowFailException, match=r"The REST (URL|token) is"):
        run(PLAIN, vector_id="a", data="x")


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault(kind="garbage", text="bad token {token}"),
        Fault(kind="cut", times=9),
        Fault(kind="slow", seconds=5, times=9),
        Fault(kind="status", status=503, times=9),
    ],
)
def test_no_exception_contains_the_token(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    token = server.token if fault else "a-wrong-token"
    connection = connection_json(server, max_attempts=1, timeout=0.5).replace(server.token, token)
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection)
    if fault:
        server.faults.add(replace(fault, text=fault.text.format(token=token)))
    with pytest.raises((errors.UpstashVectorError, AirflowFailException)) as caught:
        run(PLAIN, vector_id="a", data="x")
    message = "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        message += repr(error) + repr(error.args) + repr(vars(error))
        error = error.__cause__ or error.__context__
    assert "UpstashVectorError" in message or "update of 'a'" in message
    assert token not in message


def test_every_argument_but_on_missing_is_a_template() -> None:
    kinds: tuple[Any, ...] = (UpdateVectorOperator, OneVectorOperator)
    arguments = {name for kind in kinds for name in inspect.signature(inspect.unwrap(kind.__init__)).parameters}
    fields = {*UpdateVectorOperator.template_fields} - {"upstash_vector_conn_id"}
    assert {*fields, "on_missing", "self", "kwargs"} == arguments
    assert UpdateVectorOperator.template_ext == ()
    assert set(UpdateVectorOperator.template_fields_renderers) <= set(UpdateVectorOperator.template_fields)


def test_the_connection_id_is_a_template_too(
    server: DevServer, stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection_json(server))
    monkeypatch.delenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT")
    values = {"vector_id": "a", "data": "x", "upstash_vector_conn_id": "{{ params.conn }}"}
    assert run(PLAIN, {"conn": "other"}, **values) == 1


def test_creating_an_operator_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened while the DAG was parsed")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    UpdateVectorOperator(task_id="t", vector_id="a", data="x")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"vector_id": "a", "vector": [1]},
            "update of 'a' in the default namespace: 422 Invalid vector dimension",
        ),
        ({"vector_id": "b", "data": "x", "on_missing": "fail"}, "There is no vector 'b' in the default namespace"),
    ],
)
def test_the_error_is_logged_in_one_line(
    caplog: pytest.LogCaptureFixture, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException) as caught:
        run(PLAIN, **values)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == str(caught.value)
    assert record.getMessage().startswith(message)
    cause = caught.value.__cause__
    assert cause is None or cause.__traceback__ is None
