"""The hook with real Airflow connections and the dev server."""

from __future__ import annotations

import inspect
import json
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.checking import MetadataHas
from airflow_provider_upstash_vector.client import Field, errors
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from tests.support.airflow_home import AirflowHome
from tests.support.index_fixtures import connection_json


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> UpstashVectorHook:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", json.dumps({"conn_type": "upstash_vector", **fields}))
    return UpstashVectorHook("my_index")


def test_update_upsert_fetch_info_reset(connection: str) -> None:
    with UpstashVectorHook() as hook:
        hook.upsert([{"id": "a", "vector": [0.1, 0.2], "metadata": {"x": 1}}], namespace="ns")
        assert hook.update("a", metadata={"y": 2}, metadata_update_mode="patch", namespace="ns") == 1
        assert hook.update("b", data="x", namespace="ns") == 0
        (found,) = hook.fetch(["a"], include_metadata=True, namespace="ns")
        assert found is not None
        assert found.metadata == {"x": 1, "y": 2}
        hook.reset(namespace="ns")
        assert hook.info().namespaces["ns"].vector_count == 0


def test_the_connections_namespace_is_the_default_of_calls(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server, namespace="from connection"))
    with UpstashVectorHook("my_index") as hook:
        hook.upsert([{"id": "a", "vector": [1, 2]}])
        assert hook.update("a", data="x") == 1
        assert hook.update("a", data="x", namespace="") == 0
        assert hook.update("a", data="x", namespace="from connection") == 1


def test_the_whole_service_in_the_connections_namespace(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server, namespace="movies"))
    with UpstashVectorHook("my_index") as hook:
        assert hook.upsert({"id": str(number), "vector": [1, number]} for number in range(5)) == 5
        assert hook.info().namespaces["movies"].vector_count == 5
        assert [found.id for found in hook.query([1, 0], top_k=2)] == ["0", "1"]
        assert [found.id for found in hook.query([1, 0], "")] == []
        assert len(hook.query_many([{"vector": [1, 0]}, {"vector": [0, 1]}])) == 2
        with hook.resumable_query([1, 0], top_k=3) as query:
            assert [found.id for found in query.results + query.fetch_next(9)] == ["0", "1", "2", "3", "4"]
        assert [vector.id for vector in hook.range(page_size=2)] == ["0", "1", "2", "3", "4"]
        assert hook.random() is not None
        assert hook.delete(["0", "1"]) == 2
        assert hook.list_namespaces() == ["", "movies"]
        assert hook.rename_namespace("movies", "films")
        hook.reset("films")
        hook.delete_namespace("films")
        hook.reset(all=True)
        assert hook.list_namespaces() == [""]


def test_an_update_where_and_a_check_are_of_the_connections_namespace(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server, namespace="movies"))
    with UpstashVectorHook("my_index") as hook:
        for namespace in ("", "movies"):
            hook.upsert([{"id": "a", "vector": [1, 2], "metadata": {"year": 1989}}], namespace=namespace)
        report = hook.bulk_update_where(where=Field("year") < 1990, metadata={"old": True}, progress="none")
        assert (report.matched, report.done) == (1, 1)
        found = [hook.fetch(["a"], namespace=name, include_metadata=True)[0] for name in ("", "movies")]
        assert [vector and vector.metadata for vector in found] == [{"year": 1989}, {"year": 1989, "old": True}]
        checks = [MetadataHas("old")]
        assert hook.check(checks).passed
        assert not hook.check(checks, namespace="").passed


def test_texts_by_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    with DevServer(embedding_model="stand-in", dimension=64) as server:
        monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server))
        with UpstashVectorHook("my_index") as hook:
            texts = [{"id": "fox", "data": "quick foxes"}, {"id": "tax", "data": "income tax"}]
            assert hook.upsert_data(texts, namespace="ns") == 2
            assert hook.query_data("a fox", "ns", top_k=1)[0].id == "fox"


def test_the_hook_has_the_documented_methods_of_the_vendors_sdk() -> None:
    for name in (
        *("upsert", "upsert_data", "query", "query_data", "query_many", "resumable_query", "fetch", "range"),
        *(
            "random",
            "delete",
            "update",
            "reset",
            "info",
            "list_namespaces",
            "delete_namespace",
            "rename_namespace",
        ),
    ):
        method = getattr(UpstashVectorHook, name)
        assert method.__name__ == name
        assert inspect.getdoc(method)
        assert "self" in inspect.signature(method).parameters


def test_an_invalid_update_names_call_namespace_and_id(connection: str, server: DevServer) -> None:
    with UpstashVectorHook() as hook, pytest.raises(errors.InvalidRequest) as caught:
        hook.update("a", vector=[float("nan")], namespace="ns")
    assert str(caught.value) == "update of 'a' in namespace 'ns': vector: element 0, nan, is not a finite number"
    assert not server.requests["update"]


def test_the_client_is_opened_once_and_again_after_close(connection: str) -> None:
    hook = UpstashVectorHook()
    hook.close()
    client = hook.get_conn()
    assert hook.get_conn() is client
    hook.close()
    assert hook.get_conn() is not client
    hook.close()


def test_creating_a_hook_reads_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UpstashVectorHook, "get_connection", None)
    UpstashVectorHook("there is no such connection")


def test_an_unknown_connection(monkeypatch: pytest.MonkeyPatch, airflow_home: AirflowHome) -> None:
    hook = UpstashVectorHook("there is no such connection")
    command = "airflow connections add 'there is no such connection' --conn-type upstash_vector"
    calls = (hook.info, lambda: hook.update("a", data="x"), lambda: hook.bulk_update([]))
    for call in calls:
        with pytest.raises(errors.InvalidEndpoint, match=command) as caught:
            call()
        assert str(caught.value).count("there is no such connection") == 2
    assert command in hook.test_connection()[1]


def test_errors_of_the_connection_name_it_and_the_remedy(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = connect(monkeypatch, host=server.url, password="wrong")
    calls: dict[str, Callable[[], Any]] = {
        "update": lambda: hook.update("a", data="x"),
        "range": lambda: next(iter(hook.range())),
        "resumable-query": lambda: hook.resumable_query([1, 0], top_k=1).__enter__(),
        "run without a check": lambda: hook.bulk_update([{"id": "a", "data": "x"}], check_index=False),
        "run": lambda: hook.bulk_update([{"id": "a", "data": "x"}]),
    }
    for call in calls.values():
        with hook, pytest.raises(errors.UpstashVectorError) as caught:
            call()
        advice = "(use the REST token from the index's Connect tab; Airflow connection 'my_index')"
        for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 - our own
            assert str(error).endswith(advice)
    with pytest.raises(errors.InvalidEndpoint, match=r"REST URL is missing.* \(Airflow connection 'my_index'\)"):
        connect(monkeypatch, host="").info()
    with pytest.raises(errors.ConnectionFailed, match=r"connection refused; check host and port .*'my_index'"):
        connect(monkeypatch, host="http://127.0.0.1:1", password="test-token", extra={"max_attempts": 1}).info()


def test_the_limits_of_the_connection_apply(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", connection_json(server, timeout="0.3", max_attempts="2"))
    server.faults.add(Fault(kind="slow", seconds=5, times=2))
    with UpstashVectorHook("my_index") as hook, pytest.raises(errors.ResponseTimeout):
        hook.info()
    assert server.requests["info"] == 2


def test_the_test_button_with_a_good_connection(connection: str, server: DevServer) -> None:
    with UpstashVectorHook() as hook:
        hook.upsert([{"id": "a", "vector": [1, 2]}], namespace="ns")
        good, message = hook.test_connection()
    assert good
    assert message.startswith("DENSE index of 2 dimensions (COSINE), 1 vector, ")
    assert "ns" in message


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        (
            {"password": "wrong"},
            "Unauthorized: Invalid auth token: use the REST token from the index's Connect tab.",
        ),
        ({"password": "***"}, "The REST token is masked (***): enter the token again."),
        ({"password": ""}, "The REST token is missing"),
        ({"host": ""}, "The REST URL is missing"),
        ({"host": "https://no-such-index.invalid"}, "the host name cannot be resolved"),
        ({"host": "http://127.0.0.1:1"}, "connection refused"),
        ({"extra": {"timeout": "soon"}}, """The extra "timeout" is 'soon\'"""),
    ],
)
def test_the_test_button_with_a_bad_one(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], advice: str
) -> None:
    hook = connect(monkeypatch, **{"host": server.url, "password": server.token, **fields})
    good, message = hook.test_connection()
    assert not good
    assert advice in message
    assert server.token not in message


def test_the_test_button_sends_one_request(connection: str, server: DevServer) -> None:
    server.faults.add(Fault(kind="status", status=502, html=True, times=9))
    good, message = UpstashVectorHook().test_connection()
    assert not good
    assert message.startswith("502 502 502 from a proxy: the service, or a proxy in front of it, is failing")
    assert server.requests["info"] == 1


def test_the_test_button_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UpstashVectorHook, "get_connection", {}.__getitem__)
    assert UpstashVectorHook("there_is_no_such_connection").test_connection() == (
        False,
        "The connection test failed: KeyError.",
    )


def test_the_form_of_older_airflows() -> None:
    assert set(UpstashVectorHook.get_connection_form_widgets()) == {
        "namespace",
        "timeout",
        "max_attempts",
        "allow_http",
    }


def test_there_is_no_form_without_wtforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wtforms", None)  # as in Airflow 3.0 without FAB
    assert UpstashVectorHook.get_connection_form_widgets() == {}


def test_field_behaviour() -> None:
    behaviour = UpstashVectorHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert behaviour["relabeling"] == {"host": "REST URL", "password": "REST token"}
