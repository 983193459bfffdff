"""The link "Upstash Console" of a task."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import XCom

from airflow_provider_upstash_vector import get_provider_info
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.links import upstash_vector as links
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    FetchVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
)

LINK = links.UpstashConsoleLink()


class Task:
    """A task instance that keeps its XComs."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


def link_for(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> str:
    connection = {"conn_type": "upstash_vector", "password": "a-token", **connection}
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", json.dumps(connection))
    return LINK.get_link(UpdateVectorOperator(task_id="t", vector_id="a"), ti_key=None)


def test_an_index_links_to_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    assert link_for(monkeypatch, host="https://x-vector.upstash.io") == "https://console.upstash.com/vector"


def test_a_dev_server_links_to_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert link_for(monkeypatch, host="http://127.0.0.1:8081") == "http://127.0.0.1:8081"


@pytest.mark.parametrize("connection", [{"host": ""}, {"host": "ftp://x"}, {"host": "x.io", "extra": "{"}])
def test_an_invalid_connection_links_to_the_console(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]
) -> None:
    assert link_for(monkeypatch, **connection) == links._CONSOLE_URL


@pytest.mark.parametrize(
    "operator", [UpdateVectorOperator, BulkUpdateVectorsOperator, QueryVectorsOperator, FetchVectorsOperator]
)
def test_operators_have_the_link(operator: Any) -> None:
    assert [link.name for link in operator.operator_extra_links] == ["Upstash Console"]


def test_airflow_2_reads_the_link_from_an_xcom(
    monkeypatch: pytest.MonkeyPatch, server: DevServer, connection: str
) -> None:
    monkeypatch.setattr(links, "AIRFLOW_V_3_0_PLUS", False)
    task: Any = Task()
    rows = BulkUpdateVectorsOperator(task_id="t", rows=[{"id": "a", "data": "x"}])
    rows.execute({"ti": task})
    assert task.xcoms == {LINK.xcom_key: server.url}

    monkeypatch.setattr(XCom, "get_value", lambda key, **_: task.xcoms.get(key), raising=False)
    deserialised = object()
    assert LINK.get_link(deserialised, ti_key=None) == server.url
    task.xcoms.clear()  # the task has not run yet
    assert LINK.get_link(deserialised, ti_key=None) == links._CONSOLE_URL


def test_airflow_2_finds_the_class() -> None:
    (name,) = get_provider_info()["extra-links"]
    assert name == f"{links.__name__}.{links.UpstashConsoleLink.__name__}"
