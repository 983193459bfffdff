"""Who sees which page, and that nothing is sent to an index on behalf of others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.plugins.conftest import PREFIX, Visit

pytestmark = pytest.mark.needs("index_page")

CONNECTION = "/connections/upstash_vector_default"
PAGES = {
    "/": "stored",
    CONNECTION: "Namespaces",
    f"{CONNECTION}/namespace?namespace=films": "m-1",
    f"{CONNECTION}/namespace?namespace=films&q=[1,2]": "m-1",
    f"{CONNECTION}/namespace?namespace=films&like=m-1": "m-1",
    f"{CONNECTION}/vector?namespace=films&id=m-1": "Metadata",
}


@pytest.mark.parametrize(
    ("role", "status", "message"),
    [
        (None, 401, "Sign in first"),
        ("VIEWER", 403, "You may not read this connection"),
        ("USER", 403, "You may not read this connection"),
        ("OP", 200, ""),
        ("ADMIN", 200, ""),
    ],
)
def test_pages_need_the_right_to_read_the_connection(
    visit: Visit, films: DevServer, role: str | None, status: int, message: str
) -> None:
    films.requests.clear()
    for path, text in PAGES.items():
        response = visit(role, path)
        assert (response.status_code, response.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert (message or text) in response.text
        assert films.token not in response.text
    assert bool(films.requests) == (status == 200)


def test_an_invalid_token_is_refused(visit: Visit, films: DevServer) -> None:
    films.requests.clear()
    for path in PAGES:
        assert visit(None, path, token="eyJhbGciOiJIUzUxMiJ9.e30.x").status_code in {401, 403}
    assert not films.requests


def test_only_connections_of_the_type_are_opened(visit: Visit, films: DevServer) -> None:
    films.requests.clear()
    assert "other" not in visit("ADMIN", "/").text
    assert "of the type &#39;http&#39;, not upstash_vector" in visit("ADMIN", "/connections/other").text
    assert "has no type" in visit("ADMIN", "/connections/untyped").text
    for conn_id in ("other", "untyped"):
        for path in ("namespace?namespace=", "vector?id=a", "namespace?q=x"):
            assert visit("ADMIN", f"/connections/{conn_id}/{path}").status_code == 502
    assert films.requests.keys() <= {"info"}  # of the list
    assert "There is no Airflow connection" in visit("ADMIN", "/connections/unknown").text


def test_facts_alone_show_no_contents(visit: Visit, films: DevServer) -> None:
    assert "films" in visit("ADMIN", CONNECTION, contents=False).text
    films.requests.clear()
    for path in list(PAGES)[2:]:
        assert visit("ADMIN", path, contents=False).status_code == 403
    assert not films.requests


def test_links_have_the_path_of_airflow(visit: Visit) -> None:
    assert f'href="{PREFIX}/connections/stored"' in visit("ADMIN", "/").text
    assert 'href="/airflow/"' in visit(None, "/").text
    assert visit("OP", "/open?connection_id=a%2Fb").headers["location"] == f"{PREFIX}/connections/a%2Fb"
    for path in ("/docs", "/openapi.json", "/nothing", "/static/nothing", "/connections/a/b/c"):
        assert visit("ADMIN", path).status_code == 404


def test_other_methods_and_failures_are_pages_too(
    visit: Visit, films: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    films.requests.clear()
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        response = visit("ADMIN", CONNECTION, method=method)
        assert response.status_code == 405
        assert "GET" in response.headers["allow"]
    assert visit(None, f"{CONNECTION}/namespace?namespace=films&q=[1,2]", method="POST").status_code == 401
    assert not films.requests
    from airflow_provider_upstash_vector.plugins.access import Access

    monkeypatch.setattr(Access, "connection_ids", lambda _: 1 / 0)
    response = visit("ADMIN", "/")
    assert response.status_code == 500
    assert "This page cannot be shown" in response.text
    assert "division" not in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_person_who_may_read_one_connection_reads_that_one(
    visit: Visit, films: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    def is_authorized_connection(*, details: Any = None, **_: Any) -> bool:
        return getattr(details, "conn_id", None) == "upstash_vector_default"

    monkeypatch.setattr(get_auth_manager(), "is_authorized_connection", is_authorized_connection)
    assert visit("VIEWER", CONNECTION).status_code == 200
    films.requests.clear()
    for path in (
        "/connections/stored",
        "/connections/other",
        "/connections/unknown",
        "/connections/UPSTASH%5FVECTOR",
    ):
        assert visit("ADMIN", path).status_code == 403
    page = visit("ADMIN", "/")
    assert (page.status_code, "stored" in page.text) == (403, False)
    assert not films.requests


@pytest.mark.needs("teams")
def test_another_teams_connection_is_not_opened(
    visit: Visit, films: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.models.connection import Connection
    from airflow.models.team import Team
    from airflow.utils.session import create_session

    values: dict[str, Any] = {"conn_type": "upstash_vector", "host": films.url, "password": films.token}
    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    monkeypatch.setenv("AIRFLOW_CONN__TEAM_A___OF_ENVIRONMENT", json.dumps(values))
    with create_session() as session:
        session.add(Team(name="team_a"))
        session.flush()
        session.add(Connection(conn_id="of_team_a", team_name="team_a", **values))

    def member(*teams: str) -> str:
        user = SimpleAuthManagerUser(username="ada", role="OP", teams=[*teams])
        return str(get_auth_manager().generate_jwt(user))

    films.requests.clear()
    try:
        for token in (member(), member("team_b")):
            assert "of_team_a" not in visit(None, "/", token=token).text
            films.requests.clear()
            for path in ("", "/namespace?namespace=films", "/vector?id=m-1"):
                assert visit(None, f"/connections/of_team_a{path}", token=token).status_code == 403
            for id in ("_team_a___of_environment", "_TEAM_A___OF_ENVIRONMENT"):
                assert "There is no Airflow connection" in visit(None, f"/connections/{id}", token=token).text
            assert not films.requests
        for path, text in {"/": "of_team_a", "/connections/of_team_a": "Namespaces"}.items():
            assert text in visit(None, path, token=member("team_a")).text
        assert "Namespaces" in visit(None, "/connections/stored", token=member("team_a")).text
    finally:
        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == "of_team_a").delete()
            session.query(Team).delete()
