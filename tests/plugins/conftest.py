"""The pages with Airflow's own rights: the simple auth manager, tokens as it gives them, a real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import AirflowHome

PREFIX = "/airflow/upstash-vector"


@pytest.fixture(scope="module")
def films() -> Iterator[DevServer]:
    """An index with one vector in the namespace ``films``."""
    with DevServer(token="secret-token-of-an-index") as server:
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": "m-1", "vector": [1, 2], "data": "old"}], "films")
        yield server


@pytest.fixture(scope="module")
def connections(airflow_home: AirflowHome, films: DevServer) -> Iterator[None]:
    """Connections: ``stored`` in the database, the default one in the environment, ``other`` and ``untyped``."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    stored = Connection(conn_id="stored", conn_type="upstash_vector", host=films.url, password=films.token)
    other = Connection(conn_id="other", conn_type="http", host=films.url, password=films.token)
    with create_session() as session:
        session.add_all([stored, other])
    content = {"host": films.url, "password": films.token}
    default = {**content, "conn_type": "upstash_vector"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", json.dumps(default))
        patch.setenv("AIRFLOW_CONN_UNTYPED", json.dumps(content))
        yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(["stored", "other"])).delete()


Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def visit(connections: None) -> Iterator[Visit]:
    """Yield a function that requests a page as someone with a role, or ``None`` for nobody."""
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from airflow_provider_upstash_vector.plugins.app import create_app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "secret-key-of-one-test-run-" * 4)
        manager = init_auth_manager()
        tokens = {
            role: manager.generate_jwt(SimpleAuthManagerUser(username=role.lower(), role=role))
            for role in ("ADMIN", "OP", "USER", "VIEWER")
        }
        apps = {contents: FastAPI() for contents in (True, False)}
        for contents, app in apps.items():
            app.mount("/upstash-vector", create_app(shows_contents=contents))

        def request(
            role: str | None, path: str, *, contents: bool = True, token: str | None = None, method: str = "GET"
        ) -> Any:
            session = tokens.get(role or "", token)
            client = TestClient(
                apps[contents],
                base_url="http://airflow.example",
                root_path="/airflow",
                cookies={"_token": session} if session else None,
                follow_redirects=False,
                raise_server_exceptions=False,
            )
            return client.request(method, f"{PREFIX}{path}")

        yield request
