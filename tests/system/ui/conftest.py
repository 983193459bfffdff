"""Fixtures of the tests of the UI: an Airflow, an index and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT
from tests.support.browser import TakePicture, chromium, new_page, take_picture
from tests.support.connection_pages import ConnectionsPage
from tests.support.live_airflow import LiveAirflow, live_airflow


@pytest.fixture(scope="package")
def index() -> Iterator[DevServer]:
    with DevServer(dimension=12) as server:
        yield server


@pytest.fixture(scope="package")
def airflow() -> Iterator[LiveAirflow]:
    """An Airflow without connections, with one DAG: parsing all takes minutes on a busy machine."""

    def write_dag(folder: Path) -> None:
        folder.mkdir()
        shutil.copy(ROOT / "example_dags/example_trigger_from_ui.py", folder)

    with live_airflow(None, write_dags=write_dag) as running:
        running.wait_for_dag("example_trigger_from_ui")
        yield running


# Per module: while Playwright runs, no other test can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with new_page(browser, request.node.name) as page:
        yield page


@pytest.fixture
def picture(page: Page) -> TakePicture:
    """Takes a screenshot for the documentation."""
    return partial(take_picture, page)


@pytest.fixture
def connections(page: Page, airflow: LiveAirflow) -> ConnectionsPage:
    return ConnectionsPage(page, airflow.url)
