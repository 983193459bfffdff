"""The token of a connection: masked by Airflow in all its encodings, and not shown by errors."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import redact

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.triggers.upstash_vector import UpstashVectorTrigger
from tests.support.proxies import tinyproxy
from tests.support.secrecy import assert_no_secret, assert_not_shown, frames_of

TOKEN = "t0k/en+with=special~characters.in-it-"


def by_trigger(conn_id: str) -> None:
    trigger = UpstashVectorTrigger(upstash_vector_conn_id=conn_id)
    asyncio.run(trigger._settings())


def by_asset(conn_id: str) -> None:
    upstash_vector_asset(conn_id=conn_id)


def by_hook(conn_id: str) -> None:
    assert UpstashVectorHook(conn_id).settings


READERS = [by_hook, by_trigger, by_asset]


def connect(monkeypatch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    connection = {"conn_type": "upstash_vector", "host": "https://index.test", **fields}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("stored", ["Bearer {}", '"{}"', " {}\n", "bearer '{}'", "{}"])
def test_a_token_is_masked_as_it_is_sent(
    monkeypatch: pytest.MonkeyPatch, stored: str, read: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    token = f"{TOKEN}{abs(hash(request.node.name))}"  # not masked by an earlier test
    connect(monkeypatch, "my_index", password=stored.format(token))
    read("my_index")
    encoded = base64.b64encode(f"Bearer {token}".encode()).decode()
    for text in (
        token,
        f"Bearer {token}",
        quote(token, safe=""),
        encoded,
        base64.b64encode(token.encode()).decode(),
    ):
        shown = redact(f"sent {text}!")
        assert "***" in str(shown)
        assert_not_shown(token, str(shown))


def test_a_short_token_is_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "my_index", password='"e1"')
    by_hook("my_index")
    assert redact("e1") == "e1"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"extra": '{"timeout": "soon"}'},
        {"extra": '{"Namespace": "movies"}'},
        {"host": "https://index.test/path"},
        {"host": f"https://default:{TOKEN}@index.test"},
        {"password": f"{TOKEN} {TOKEN}"},
    ],
)
def test_an_unusable_connection_does_not_show_its_token(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], read: Callable[[str], None]
) -> None:
    connect(monkeypatch, "my_index", **{"password": TOKEN, **wrong})
    with pytest.raises(ValueError, match=r"The (extra|REST)|cannot be parsed") as caught:
        read("my_index")
    assert_no_secret([TOKEN], caught.value)


def test_an_environment_variable_that_is_not_a_connection_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MY_INDEX", f'{{"password": "{TOKEN}"')
    with pytest.raises(ValueError, match="AIRFLOW_CONN_MY_INDEX cannot be parsed") as caught:
        by_asset("my_index")
    assert_not_shown(TOKEN, str(caught.value), frames_of(caught.value))


def test_the_test_button_shows_no_credential_of_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    password = "wr0ng-p4ssw0rd-of-length"
    connect(monkeypatch, "my_index", password=TOKEN)
    with tinyproxy(tmp_path) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://us3r:{password}@127.0.0.1:{port}")
        ok, message = UpstashVectorHook("my_index").test_connection()
    assert not ok
    assert message.startswith(
        f"Cannot connect through the proxy http://127.0.0.1:{port}: 401 Unauthorized: check the REST URL and, "
    )
    monkeypatch.setenv("HTTPS_PROXY", f"http://us3r:{password}@127.0.0.1:port")
    ok, refused = UpstashVectorHook("my_index").test_connection()
    assert not ok
    assert refused.startswith("The environment variable https_proxy does not name")
    assert_not_shown(password, message, refused)
