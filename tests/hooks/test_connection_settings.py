from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook, Connection

from airflow_provider_upstash_vector.client.errors import InvalidEndpoint
from airflow_provider_upstash_vector.hooks.connection_settings import read_connection

HOST = "https://my-index.upstash.io"


def connection(**fields: Any) -> Any:
    defaults = {"conn_id": "c", "conn_type": "upstash_vector", "host": HOST, "password": "test-token"}
    return Connection(**{**defaults, **fields})


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, HOST),
        ({"port": 0}, HOST),
        ({"port": 443}, HOST),
        ({"port": 8443}, f"{HOST}:8443"),
        ({"host": f"{HOST}:8443/", "port": 8443}, f"{HOST}:8443"),
        ({"host": "my-index.upstash.io", "port": 443}, HOST),
        ({"host": "http://127.0.0.1:8079/"}, "http://127.0.0.1:8079"),
        ({"host": "http://127.0.0.1", "port": 8079}, "http://127.0.0.1:8079"),
        ({"host": "127.0.0.1", "port": 8079, "schema": "http"}, "http://127.0.0.1:8079"),
        ({"host": f'"{HOST}/"', "port": 443}, HOST),
        ({"host": "::1", "port": 8079, "schema": "http"}, "http://[::1]:8079"),
    ],
)
def test_host_port_and_schema(fields: dict[str, Any], url: str) -> None:
    assert read_connection(connection(**fields)).endpoint.url == url


@pytest.mark.parametrize(
    ("uri", "url", "token"),
    [
        ("upstash-vector://:tok@my-index.upstash.io", HOST, "tok"),
        ("upstash-vector://:tok@my-index.upstash.io:443/", HOST, "tok"),
        ("upstash-vector://:tok@my-index.upstash.io/?namespace=ns", HOST, "tok"),
        ("upstash-vector://:t%2Fo%2Bk%3D@https%3A%2F%2Fmy-index.upstash.io", HOST, "t/o+k="),
        ("upstash-vector://:tok@127.0.0.1:8079/http", "http://127.0.0.1:8079", "tok"),
    ],
)
def test_uri_connections(monkeypatch: pytest.MonkeyPatch, uri: str, url: str, token: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", uri)
    settings = read_connection(BaseHook.get_connection("my_index"))
    assert settings.endpoint.url == url
    assert settings.endpoint.token.get_secret_value() == token
    assert settings.namespace == ("ns" if "namespace" in uri else "")


def test_a_connection_survives_its_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = connection(password="a/b+c=%@", extra='{"namespace": "a/b", "timeout": 12.5}')
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", stored.get_uri())
    assert read_connection(BaseHook.get_connection("my_index")) == read_connection(stored)


@pytest.mark.parametrize(
    "extra",
    [
        '{"namespace": "ns", "timeout": 12.5, "max_attempts": 3, "allow_http": true}',
        '{"namespace": "ns", "timeout": "12.5", "max_attempts": "3", "allow_http": "y"}',
    ],
)
def test_extras_as_json_values_and_as_the_texts_of_a_form(extra: str) -> None:
    settings = read_connection(connection(host="http://index.test", extra=extra))
    assert settings.namespace == "ns"
    assert settings.policy.request_timeout_seconds == 12.5
    assert settings.policy.max_attempts == 3


@pytest.mark.parametrize(
    "extra",
    [
        None,
        "{}",
        '{"namespace": null, "timeout": null, "max_attempts": null, "allow_http": null}',
        '{"timeout": ""}',
        " ",
        '{"Namespace": null}',
    ],
)
def test_empty_extras_mean_the_defaults(extra: str | None) -> None:
    settings = read_connection(connection(extra=extra))
    assert settings.namespace == ""
    assert settings.policy.request_timeout_seconds == 30.0
    assert settings.policy.max_attempts == 5


def test_a_namespace_that_looks_like_a_number_is_text() -> None:
    assert read_connection(connection(extra='{"namespace": 123}')).namespace == "123"


@pytest.mark.parametrize(("timeout", "connect", "total"), [(2, 2.0, 300.0), (600, 10.0, 600.0)])
def test_the_other_times_follow_the_timeout(timeout: int, connect: float, total: float) -> None:
    policy = read_connection(connection(extra=f'{{"timeout": {timeout}}}')).policy
    assert policy.connect_timeout_seconds == connect
    assert policy.total_timeout_seconds == total


@pytest.mark.parametrize(
    ("fields", "advice"),
    [
        ({"host": None}, "The REST URL is missing"),
        ({"password": None}, "The REST token is missing"),
        ({"password": "***"}, "The REST token is masked"),
        ({"host": "http://index.test"}, "plain http"),
        ({"host": "http://index.test", "extra": '{"allow_http": "off"}'}, "plain http"),
        ({"extra": '{"allow_http": "perhaps"}'}, """The extra "allow_http" is 'perhaps': write true or false."""),
        ({"extra": '{"timeout": "soon"}'}, """The extra "timeout" is 'soon': write a number of at least 0.1."""),
        ({"extra": '{"timeout": 0}'}, "write a number of at least 0.1"),
        ({"extra": "[1]"}, "The extras are not a JSON object"),
        ({"extra": "null"}, "The extras are not a JSON object"),
        ({"extra": '{"namespace": "movies",}'}, "The extras are not valid JSON at line 1, column 24: write"),
        ({"extra": "namespace=movies"}, "The extras are not valid JSON at line 1, column 1: write"),
        ({"extra": '{"Namespace": "movies"}'}, 'The extra "Namespace" is unknown: write "namespace" instead.'),
        ({"extra": '{"name_space": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"namespaces": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"namespce": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"amespace": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"namespaec": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{" namespace ": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"max-attempts": 3}'}, 'write "max_attempts" instead'),
        ({"extra": '{"maxAttempts": 3}'}, 'write "max_attempts" instead'),
        ({"extra": '{"timeOut": 3}'}, 'write "timeout" instead'),
        ({"extra": '{"allow-HTTP": true}'}, 'write "allow_http" instead'),
        ({"extra": '{"allow_https": true}'}, 'write "allow_http" instead'),
        ({"extra": '{"extra__upstash_vector__Namespace": "movies"}'}, 'write "namespace" instead'),
        ({"extra": '{"timeout": true}'}, "write a number of at least 0.1"),
        ({"extra": '{"max_attempts": 2.5}'}, "write a whole number"),
        ({"extra": '{"namespace": 1.5}'}, "is 1.5, not text: write it in quotes"),
        ({"host": f"{HOST}:8443", "port": 443}, "has the port 8443, the connection 443: set Port to 8443"),
        ({"extra": '{"timeout": [1]}'}, "write a number of at least 0.1"),
        ({"extra": '{"max_attempts": 0.5}'}, "write a number of at least 1"),
    ],
)
def test_an_unusable_connection_is_explained(fields: dict[str, Any], advice: str) -> None:
    with pytest.raises(InvalidEndpoint) as caught:
        read_connection(connection(**fields))
    assert advice in str(caught.value)


def test_the_prefixed_extras_of_airflow_2_are_ignored_if_the_plain_ones_are_set() -> None:
    extra = {
        "namespace": "movies",
        "extra__upstash_vector__namespace": "others",
        "extra__upstash_vector__timeout": "",
    }
    settings = read_connection(connection(extra=json.dumps(extra)))
    assert settings.namespace == "movies"
    assert settings.policy.request_timeout_seconds == 30.0
    alone = read_connection(connection(extra='{"extra__upstash_vector__namespace": "movies"}'))
    assert alone.namespace == "movies"


def test_unknown_extras_are_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    extra = json.dumps({"namespace": "movies", "team": "search", "owner": "me", "name": "x"})
    for _ in range(3):
        assert read_connection(connection(conn_id="with_others", extra=extra)).namespace == "movies"
    messages = [record.getMessage() for record in caplog.records if "unknown extras" in record.getMessage()]
    assert "".join(messages) == (
        "The connection 'with_others' has unknown extras, which have no effect: name, owner, team. Known extras "
        "are namespace, timeout, max_attempts, allow_http."
    )
