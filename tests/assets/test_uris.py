"""Asset URIs, and how Airflow normalises and rejects them."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.assets.upstash_vector import (
    create_asset,
    sanitize_uri,
    upstash_vector_asset,
)
from airflow_provider_upstash_vector.assets.uris import asset_uri, namespace_of, openlineage_names
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook

names = st.text(st.characters(codec="utf-8"), max_size=50)


@pytest.mark.parametrize(
    ("host", "namespace", "uri"),
    [
        ("my-index.upstash.io", "", "upstash-vector://my-index.upstash.io/"),
        ("https://My-Index.upstash.io/", "movies", "upstash-vector://my-index.upstash.io/movies"),
        ("my-index.upstash.io:443", "ns", "upstash-vector://my-index.upstash.io/ns"),
        ("http://127.0.0.1:8080", "ns", "upstash-vector://127.0.0.1:8080/ns"),
        ("http://[::1]:8080", "", "upstash-vector://[::1]:8080/"),
        ("bücher.example", "", "upstash-vector://xn--bcher-kva.example/"),
        ("x.io", "a/b", "upstash-vector://x.io/a%2Fb"),
        ("x.io", "/", "upstash-vector://x.io/%2F"),
        ("x.io", "a%2Fb", "upstash-vector://x.io/a%252Fb"),
        ("x.io", "Filme für alle", "upstash-vector://x.io/Filme%20f%C3%BCr%20alle"),
        ("x.io", "映画?#&=", "upstash-vector://x.io/%E6%98%A0%E7%94%BB%3F%23%26%3D"),
    ],
)
def test_the_uri_of_a_namespace(host: str, namespace: str, uri: str) -> None:
    assert asset_uri(host, namespace) == uri
    asset = upstash_vector_asset(host, namespace)
    assert asset.uri == getattr(asset, "name", uri) == uri  # assets have no names in Airflow 2
    assert Asset(uri=uri).uri == uri


@given(names)
def test_a_namespace_survives_its_uri(namespace: str) -> None:
    uri = asset_uri("x.io", namespace)
    assert uri.isascii()
    assert namespace_of(urlsplit(uri)) == namespace
    assert sanitize_uri(urlsplit(uri)).geturl() == uri


@given(names, names)
def test_two_namespaces_have_two_names_in_openlineage(first: str, second: str) -> None:
    datasets = {openlineage_names(asset_uri("x.io", name)) for name in (first, second)}
    assert len(datasets) == len({first, second})
    assert {namespace for namespace, _ in datasets} == {"upstash-vector://x.io"}
    assert all(name for _, name in datasets)


@pytest.mark.parametrize(
    ("uri", "normalised"),
    [
        ("UPSTASH-VECTOR://My-Index.Upstash.IO/Movies", "upstash-vector://my-index.upstash.io/Movies"),
        ("upstash-vector://x.io", "upstash-vector://x.io/"),
        ("upstash-vector://x.io/movies/", "upstash-vector://x.io/movies"),
        ("upstash-vector://x.io:443/a/b", "upstash-vector://x.io/a%2Fb"),
        ("upstash-vector://x.io/f%c3%bcr#part", "upstash-vector://x.io/f%C3%BCr"),
        pytest.param(
            "upstash-vector://x.io/für alle",
            "upstash-vector://x.io/f%C3%BCr%20alle",
            marks=pytest.mark.needs("any_asset_uris"),
        ),
    ],
)
def test_airflow_normalises_uris(uri: str, normalised: str) -> None:
    assert Asset(uri=uri).uri == normalised


@pytest.mark.lacks("any_asset_uris")
def test_an_older_airflow_accepts_only_percent_encoded_uris() -> None:
    with pytest.raises(ValueError, match="must only consist of ASCII"):
        Asset(uri="upstash-vector://x.io/für alle")


INVALID = [
    ("upstash-vector://x.io/ns?token=abc", "have no query"),
    ("upstash-vector:///ns", "The REST URL is missing"),
    ("upstash-vector://x y/ns", "has no valid host"),
    ("upstash-vector://x.io:port/ns", "is not a valid URL"),
    ("upstash-vector://x.io/%FF", "is not percent-encoded UTF-8"),
]
WITH_A_USER = ["upstash-vector://token@x.io/ns", "upstash-vector://:@x.io/ns"]


@pytest.mark.needs("refused_asset_uris")
@pytest.mark.parametrize(("uri", "message"), INVALID)
def test_invalid_uris_are_rejected(uri: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        Asset(uri=uri)
    assert "token" not in str(raised.value)
    assert "abc" not in str(raised.value)


@pytest.mark.lacks("refused_asset_uris")
@pytest.mark.parametrize(("uri", "message"), INVALID)
def test_airflow_2_warns_of_invalid_uris(uri: str, message: str) -> None:
    with pytest.warns(UserWarning, match=message):
        Asset(uri=uri)


@pytest.mark.needs("any_asset_uris")
@pytest.mark.parametrize("uri", WITH_A_USER)
def test_a_user_is_rejected(uri: str) -> None:
    with pytest.raises(ValueError, match="must not contain credentials") as raised:
        Asset(uri=uri)
    assert "token" not in str(raised.value)


@pytest.mark.lacks("any_asset_uris")
@pytest.mark.parametrize("uri", WITH_A_USER)
def test_an_older_airflow_removes_a_user_itself(uri: str) -> None:
    with pytest.warns(UserWarning, match="should not contain auth info"):
        assert Asset(uri=uri).uri == "upstash-vector://x.io/ns"


def test_airflow_removes_a_user_with_a_password_itself() -> None:
    with pytest.warns(UserWarning, match=r"should not contain (a password|auth info)"):
        assert Asset(uri="upstash-vector://:secret@x.io/ns").uri == "upstash-vector://x.io/ns"


@pytest.mark.parametrize("host", ["", "https://token@x.io", "https://:token@x.io", "ftp://x.io", "x.io/path"])
def test_an_invalid_host_is_rejected(host: str) -> None:
    with pytest.raises(ValueError, match="REST URL"):
        upstash_vector_asset(host)
    with pytest.raises(ValueError, match="REST URL"):
        create_asset(host=host)


@pytest.mark.parametrize(
    "value",
    [
        '{"conn_type": "upstash_vector", "host": "https://X.io", "password": "t0", "extra": {"namespace": "a/b"}}',
        "upstash-vector://:t0ken@X.io?namespace=a/b",
        f"upstash-vector://:{quote('t0/k+en=', safe='')}@X.io:443?namespace=a%2Fb",
    ],
)
def test_a_connection_in_the_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a socket was opened while a DAG was parsed")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", value)
    asset = upstash_vector_asset(conn_id="my_index", extra={"owner": "search"})
    assert asset.uri == "upstash-vector://x.io/a%2Fb"
    assert asset.extra == {"owner": "search"}
    assert upstash_vector_asset(conn_id="my_index", namespace="").uri == "upstash-vector://x.io/"
    assert UpstashVectorHook("my_index").asset() == create_asset(host="x.io", namespace="a/b")


def test_other_connections_are_not_read() -> None:
    with pytest.raises(ValueError, match=r"is not defined in AIRFLOW_CONN_NOT_THERE.*pass the host"):
        upstash_vector_asset(conn_id="not_there")


@pytest.mark.parametrize("value", ['{"t0ken": ', '{"password": "t0ken", "nonsense": 1}'])
def test_the_error_of_an_invalid_connection_has_no_secret(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", value)
    with pytest.raises(ValueError, match="AIRFLOW_CONN_MY_INDEX cannot be parsed") as raised:
        upstash_vector_asset(conn_id="my_index")
    assert "t0ken" not in str(raised.value)
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("arguments", [{}, {"host": "x.io", "conn_id": "my_index"}])
def test_either_a_host_or_a_connection(arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either the host of the index or conn_id"):
        upstash_vector_asset(**arguments)  # type: ignore[arg-type]  # a dict has no keyword types


def test_a_connection_id_as_host_is_rejected() -> None:
    with pytest.raises(ValueError, match="write conn_id='upstash_vector_default'"):
        upstash_vector_asset("upstash_vector_default", "movies")
