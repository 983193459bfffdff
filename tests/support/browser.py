"""Chromium for the tests of the UI."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.airflow_home import ROOT

_TIMEOUT_MS = 90_000  # for a busy machine
_SCREENSHOTS = ROOT / os.environ.get("SCREENSHOTS", "build/screenshots")

TakePicture = Callable[[str], None]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the context exits."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: run scripts/install-chromium"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=_TIMEOUT_MS)  # by default 5 s, in every window
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()


@contextmanager
def new_page(browser: Browser, test_name: str) -> Iterator[Page]:
    """Open a new window; take a screenshot of it when the context exits."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce", locale="en-US"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(_TIMEOUT_MS)
    page = context.new_page()
    yield page
    page.screenshot(path=ROOT / f"build/screenshots/end-{test_name}.png")
    context.close()


def take_picture(page: Page, name: str) -> None:
    """Save a screenshot of a page for the documentation."""
    page.screenshot(path=_SCREENSHOTS / f"{name}.png")
