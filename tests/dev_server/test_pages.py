"""The pages of the index that the dev server shows in a browser."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.dev_api import Api, index

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def page(url: str, path: str, status: int = 200, **parameters: str) -> str:
    response = httpx.get(f"{url}{path}", params=parameters or None, headers=BROWSER, trust_env=False)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


def test_pages_show_index_namespace_search_and_vector(server: DevServer, api: Api) -> None:
    for n in range(30):
        api("/upsert/films", {"id": f"m/{n}", "vector": [n, 1], "metadata": {"n": n}, "data": f"<i>{n}</i>"})
    home = page(server.url, "/")
    for text in ("films", ">30<", f"UPSTASH_VECTOR_REST_URL={server.url}"):
        assert text in home
    assert server.token not in home
    at = "/connections/dev%20server"
    first = page(server.url, f"{at}/namespace", namespace="films")
    assert first.count('class="vector"') == 25
    assert "cursor=25" in first
    assert "&lt;i&gt;7&lt;/i&gt;" in first
    assert page(server.url, f"{at}/namespace", namespace="films", cursor="25").count('class="vector"') == 5
    assert page(server.url, f"{at}/namespace", namespace="films", prefix="m/2").count('class="vector"') == 11
    found = page(server.url, f"{at}/namespace", namespace="films", q="[29, 1]", filter="n < 3")
    assert found.count('class="vector"') == 3
    assert page(server.url, f"{at}/namespace", namespace="films", like="m/3").index("m%2F3") > 0
    assert "Metadata" in page(server.url, f"{at}/vector", namespace="films", id="m/3")


@pytest.mark.parametrize(
    ("parameters", "status", "message"),
    [
        ({"q": "[1]"}, 422, "Invalid vector dimension"),
        ({"q": "[1, 2]", "filter": "n <"}, 400, ""),
        ({"q": "a text"}, 422, ""),
        ({"cursor": "x"}, 400, "cursor"),
    ],
)
def test_errors_are_pages(server: DevServer, parameters: dict[str, str], status: int, message: str) -> None:
    text = page(server.url, "/connections/dev%20server/namespace", status, **parameters)
    assert message in text
    assert 'class="problem"' in text


def test_vectors_of_a_hybrid_index() -> None:
    sparse = {"indices": [1, 5], "values": [0.5, 1]}
    with index(index_type="HYBRID", dimension=2) as api:
        api("/upsert", {"id": "a", "vector": [1, 2], "sparseVector": sparse})
        url = str(api.base_url).rstrip("/")
        assert 'class="score' in page(url, "/connections/dev%20server/namespace", namespace="", like="a")
        assert "Sparse vector" in page(url, "/connections/dev%20server/vector", namespace="", id="a")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_pages_are_for_this_machine_only(server: DevServer, headers: dict[str, Any]) -> None:
    for path in ("/", "/connections/dev%20server/namespace?namespace="):
        response = httpx.get(f"{server.url}{path}", headers={**BROWSER, **headers}, trust_env=False)
        assert response.status_code == 403


def test_pages_do_not_count_as_requests(server: DevServer, api: Api) -> None:
    page(server.url, "/")
    assert not server.requests


def test_there_is_one_index(server: DevServer) -> None:
    assert "There is one index here" in page(server.url, "/connections/other", 404)
