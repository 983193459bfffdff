"""Page objects of a DAG: the trigger form and the pages of a run."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Locator, Page, expect

from tests.support.live_airflow import LiveAirflow


class TriggerForm:
    """The dialog of the Trigger button."""

    def __init__(self, page: Page, airflow: LiveAirflow) -> None:
        self._page = page
        self._airflow = airflow
        self._dialog = page.get_by_role("dialog")

    def fill(self, name: str, text: str) -> None:
        """Fill in a text field."""
        self._field(name).fill(text)

    def fill_json(self, name: str, value: Any) -> None:
        """Paste into a JSON editor: it would complete brackets that are typed."""
        self._field(name).locator(".view-lines").click()
        self._page.keyboard.press("ControlOrMeta+A")
        self._page.evaluate("text => navigator.clipboard.writeText(text)", json.dumps(value))
        self._page.keyboard.press("ControlOrMeta+V")

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list."""
        self._dialog.get_by_label(label).click()
        self._page.get_by_role("option", name=option).click()

    def show(self, name: str) -> None:
        """Scroll to a field."""
        self._field(name).scroll_into_view_if_needed()

    def trigger(self) -> Run:
        """Start the run."""
        self._dialog.get_by_role("button", name="Trigger").click()
        self._page.wait_for_url(re.compile(r"/runs/manual"))
        return Run(self._page, self._airflow, self._page.url)

    def _field(self, name: str) -> Locator:
        return self._dialog.locator(f"#element_{name}")


class DagPage:
    """The page of one DAG."""

    def __init__(self, page: Page, airflow: LiveAirflow, dag_id: str) -> None:
        self._page = page
        self._airflow = airflow
        self._url = f"{airflow.url}/dags/{dag_id}"

    def press_trigger(self) -> TriggerForm:
        """Open the form for a new run."""
        self._page.goto(self._url)
        self._page.get_by_role("button", name="Trigger").first.click()
        return TriggerForm(self._page, self._airflow)


class Run:
    """A run of a DAG whose only task is "update"."""

    def __init__(self, page: Page, airflow: LiveAirflow, url: str) -> None:
        self._page = page
        self._airflow = airflow
        self._url = url

    def ends(self, state: str) -> None:
        """Wait until the task has ended, with its log open."""
        self._open("")
        run_id = unquote(self._url.rpartition("/")[2])
        ended = self._airflow.wait_for_end(run_id, "update")
        assert ended == state.lower(), self._airflow.logs(run_id) or self._airflow.component_logs()
        expect(self._page.get_by_text(re.compile("^(Success|Failed)$")).first).to_have_text(state)

    def graph(self) -> Locator:
        """Open the graph; return its node of the task."""
        self._page.get_by_role("button", name="Show Graph").click()
        return self._page.get_by_test_id("rf__node-update")

    def rendered(self, field: str) -> Locator:
        """Return the row of a rendered template field."""
        self._open("/rendered_templates")
        return self._line(field)

    def xcom(self, key: str) -> Locator:
        """Return the value of an XCom."""
        self._open("/xcom")
        return self._line(key).get_by_role("paragraph")

    def link(self, name: str) -> Locator:
        """Return the link of an extra link."""
        self._open("/details")
        return self._page.get_by_role("link", name=name)

    def log(self, text: str) -> Locator:
        """Return the log lines that contain a text."""
        self._open("")
        return self._page.get_by_test_id("virtualized-list").get_by_text(text)

    def _open(self, tab: str) -> None:
        self._page.goto(f"{self._url}/tasks/update{tab}")

    def _line(self, name: str) -> Locator:
        cell = self._page.get_by_role("cell", name=name, exact=True)
        return self._page.get_by_role("row").filter(has=cell)
