"""People with and without rights look at the indexes in Airflow's UI."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.index_fixtures import connection_json
from tests.support.live_airflow import LiveAirflow

USERS = {"ada": "admin", "vera": "viewer", "uma": "user"}
PASSWORD = "password-of-a-test"


@pytest.fixture(scope="module")
def guarded(index: DevServer) -> Iterator[LiveAirflow]:
    """An API server with three users, whose default connection is in the environment."""
    with tempfile.TemporaryDirectory(prefix="upstash-vector-rights-", ignore_cleanup_errors=True) as home:
        passwords = Path(home, "passwords.json")
        passwords.write_text(json.dumps(dict.fromkeys(USERS, PASSWORD)))
        options = {
            "AIRFLOW__UPSTASH_VECTOR__INDEX_PAGE": "facts",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        airflow = LiveAirflow(Path(home), connection_json(index), environment=options)
        try:
            airflow.start_api_server()
            yield airflow
        finally:
            airflow.stop()


def sign_in(page: Page, airflow: LiveAirflow, name: str) -> None:
    request = Request(  # noqa: S310 - our own http URL
        f"{airflow.url}/auth/token",
        data=json.dumps({"username": name, "password": PASSWORD}).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urlopen(request, timeout=60) as response:  # noqa: S310 - as above
        token = json.load(response)["access_token"]
    page.context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])


@pytest.mark.parametrize("path", ["/", "/connections/upstash_vector_default"])
def test_nobody_is_asked_to_sign_in(page: Page, guarded: LiveAirflow, index: DevServer, path: str) -> None:
    index.requests.clear()
    response = page.goto(f"{guarded.url}/upstash-vector{path}")
    assert response is not None
    assert response.status == 401
    expect(page.get_by_role("heading", name="Sign in first")).to_be_visible()
    assert not index.requests


@pytest.mark.parametrize("name", ["vera", "uma"])
def test_others_are_refused_in_the_frame(page: Page, guarded: LiveAirflow, index: DevServer, name: str) -> None:
    index.requests.clear()
    sign_in(page, guarded, name)
    page.goto(f"{guarded.url}/plugin/upstash-vector")
    frame = page.frame_locator('iframe[title="Upstash Vector"]')
    expect(frame.get_by_role("heading", name="No access")).to_be_visible()
    page.goto(f"{guarded.url}/upstash-vector/connections/upstash_vector_default")
    expect(page.get_by_role("heading", name="No access")).to_be_visible()
    assert not index.requests


def test_an_admin_opens_a_connection_by_name(page: Page, guarded: LiveAirflow) -> None:
    sign_in(page, guarded, "ada")
    page.goto(f"{guarded.url}/plugin/upstash-vector")
    frame = page.frame_locator('iframe[title="Upstash Vector"]')
    expect(frame.get_by_text("No indexes yet")).to_be_visible()
    frame.get_by_placeholder("Connection ID").fill("upstash_vector_default")
    page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="upstash_vector_default")).to_be_visible()
    expect(frame.get_by_role("heading", name="Namespaces")).to_be_visible()
    assert not frame.locator("a[href*='/namespace']").count()
