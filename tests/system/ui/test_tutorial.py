"""A reader of the tutorial opens the dev server in a browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.browser import TakePicture
from tests.support.tutorial import commands, run


def test_the_page_of_the_dev_server(page: Page, picture: TakePicture, tmp_path: Path) -> None:
    with DevServer(dimension=2) as server:
        for command, _ in commands("Load a file"):
            run(command, server, tmp_path)
        page.goto(server.url)
        page.get_by_role("link", name="films", exact=True).click()
        page.get_by_label("Search", exact=True).fill("[0.9, 0.1]")
        page.keyboard.press("Enter")
        expect(page.locator(".score").first).to_be_visible()
        expect(page.locator(".vector").first).to_contain_text("The Heist")
        page.set_viewport_size({"width": 1280, "height": 440})
        picture("dev-server")
