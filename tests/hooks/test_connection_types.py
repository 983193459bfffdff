"""Connections of other types, whose password must not go out as a token, whoever reads them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Connection

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.hooks.connection_settings import read_connection
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import UpdateVectorOperator
from tests.support.harness import context
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import trigger_event

VARIABLE = "AIRFLOW_CONN_MY_INDEX"


def json_of(server: DevServer, **fields: Any) -> str:
    return json.dumps({"host": server.url, "password": server.token, **fields})


def of_type(server: DevServer, conn_type: str) -> list[str]:
    """Return a connection as JSON and as a URI."""
    host = server.url.removeprefix("http://")
    return [json_of(server, conn_type=conn_type), f"{conn_type}://:{server.token}@{host}/http"]


@pytest.mark.parametrize("conn_type", ["http", "https", "postgres", "generic"])
def test_no_caller_sends_the_password_of_another_type(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, conn_type: str
) -> None:
    hook = UpstashVectorHook("my_index")
    task = UpdateVectorOperator(task_id="t", vector_id="a", data="x", upstash_vector_conn_id="my_index")
    calls: list[tuple[Callable[[], Any], type[Exception]]] = [
        (hook.info, InvalidEndpoint),
        (lambda: hook.bulk_update([{"id": "a", "data": "x"}]), InvalidEndpoint),
        (lambda: upstash_vector_asset(conn_id="my_index"), InvalidEndpoint),
        (lambda: task.execute(context({})), AirflowFailException),
    ]
    for value in of_type(server, conn_type):
        monkeypatch.setenv(VARIABLE, value)
        for call, kind in calls:
            with pytest.raises(kind) as caught:
                call()
            for part in (f"of the type '{conn_type}'", "set the type to upstash_vector", "connection 'my_index'"):
                assert part in str(caught.value)
            assert not getattr(caught.value, "retryable", False)
            assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
        event = trigger_event(upstash_vector_conn_id="my_index", poke_interval=0.01)
        assert (event["status"], event["permanent"]) == ("failed", True)
        assert hook.test_connection()[0] is False
    assert not server.requests


def test_a_connection_that_becomes_one_of_another_type_is_not_used_again(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, connection_json(server))
    with UpstashVectorHook("my_index") as hook:
        hook.info()
        monkeypatch.setenv(VARIABLE, json_of(server, conn_type="http"))
        with pytest.raises(InvalidEndpoint, match="of the type 'http'"):
            hook.credentials.read()


def test_the_spellings_of_the_type(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [
        *of_type(server, "upstash-vector"),
        json_of(server, conn_type="upstash_vector"),
        json_of(server, conn_type=None),
        json_of(server),
        of_type(server, "")[1].removeprefix(":"),
    ]
    for value in values:
        monkeypatch.setenv(VARIABLE, value)
        with UpstashVectorHook("my_index") as hook:
            assert hook.info().vector_count == 0
    stored = Connection(conn_id="stored", conn_type="upstash-vector", host=server.url, password=server.token)
    assert read_connection(stored).endpoint.url == server.url
