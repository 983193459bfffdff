"""An Airflow, an index and a browser for the tests of the UI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT
from tests.support.connection_pages import ConnectionsPage
from tests.support.live_airflow import LiveAirflow, live_airflow

DIMENSION = 12
_PATIENCE_MS = 30_000  # a machine with other work to do
_SCREENSHOTS = ROOT / os.environ.get("SCREENSHOTS", "build/screenshots")

TakePicture = Callable[[str], None]


@pytest.fixture(scope="package")
def index() -> Iterator[DevServer]:
    with DevServer(dimension=DIMENSION) as server:
        yield server


@pytest.fixture(scope="package")
def airflow() -> Iterator[LiveAirflow]:
    """An Airflow without connections."""
    with live_airflow(None) as running:
        running.wait_for_dag("example_trigger_from_ui")
        yield running


# Not for longer than a module: while Playwright is there, no other test could run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "there is no Chromium: run scripts/install-chromium"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A new browser window; what it shows at the end of the test is kept as a picture."""
    expect.set_options(timeout=_PATIENCE_MS)
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce", locale="en-US"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    yield page
    page.screenshot(path=ROOT / f"build/screenshots/end-{request.node.name}.png")
    context.close()


@pytest.fixture
def picture(page: Page) -> TakePicture:
    """Keep a picture of what the window shows."""

    def take(name: str) -> None:
        page.screenshot(path=Path(_SCREENSHOTS, f"{name}.png"))

    return take


@pytest.fixture
def connections(page: Page, airflow: LiveAirflow) -> ConnectionsPage:
    return ConnectionsPage(page, airflow.url)
