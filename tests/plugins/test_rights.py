"""Who sees which page, and that nothing is sent to an index on behalf of others."""

from __future__ import annotations

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
    assert "not of the type upstash_vector" in visit("ADMIN", "/connections/other").text
    for path in ("namespace?namespace=", "vector?id=a", "namespace?q=x"):
        assert visit("ADMIN", f"/connections/other/{path}").status_code == 502
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
