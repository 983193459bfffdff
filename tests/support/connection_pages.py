"""Admin, Connections: the list and the form, as a person uses them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class ConnectionForm:
    """The dialog in which a connection is added or edited."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._dialog = page.get_by_role("dialog")
        self.url = self._dialog.get_by_label("REST URL")
        self.token = self._dialog.get_by_label("REST token")
        self.port = self._dialog.get_by_label("Port")
        self.namespace = self._dialog.locator("#element_namespace")  # its label is not tied to it
        self.description = self._dialog.get_by_label("Description")

    def name(self, conn_id: str) -> None:
        """Give the connection its id."""
        self._dialog.get_by_label("Connection ID").fill(conn_id)

    def choose_type(self, name: str) -> None:
        """Choose from the list of types, by its first letters."""
        self._dialog.get_by_label("Connection Type").click()
        self._page.keyboard.type(name[:5])
        self._page.get_by_role("option", name=name).click()

    def open_extra_fields(self) -> None:
        """Unfold the fields that are the type's own."""
        self._dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        expect(self.url).to_be_hidden()  # the standard fields fold up

    def number(self, label: str) -> Locator:
        """Return a field for a number."""
        return self._dialog.get_by_role("spinbutton", name=label)

    def labels(self) -> set[str]:
        """Return the labels of the fields in sight."""
        labels = self._dialog.locator("label:visible").all_inner_texts()
        return {label.rstrip("* \n") for label in labels if label.strip()}

    def says(self, text: str) -> Locator:
        """Return what holds a text."""
        return self._dialog.get_by_text(text)

    def save(self) -> None:
        """Save, and wait for the dialog to close."""
        self._dialog.get_by_role("button", name="Save").click()
        expect(self._dialog).to_be_hidden()


class ConnectionsPage:
    """The list of connections."""

    def __init__(self, page: Page, airflow_url: str) -> None:
        self.page = page
        self._url = f"{airflow_url}/connections"

    def open(self) -> None:
        """Go there."""
        self.page.goto(self._url)

    def add(self, kind: str) -> ConnectionForm:
        """Open the form for a new connection of a type."""
        self.open()
        self.page.get_by_role("button", name="Add Connection").click()
        form = ConnectionForm(self.page)
        form.choose_type(kind)
        return form

    def save(self, conn_id: str, url: str, token: str, port: str = "") -> None:
        """Add an Upstash Vector connection."""
        form = self.add("Upstash Vector")
        form.name(conn_id)
        form.url.fill(url)
        form.token.fill(token)
        form.port.fill(port)
        form.save()
        expect(self.message("Connection has been successfully created")).to_be_visible()
        self.open()  # the message would stay for as long as the mouse is over it

    def edit(self, conn_id: str) -> ConnectionForm:
        """Open the form for a connection that is there."""
        self.row(conn_id).get_by_role("button", name="Edit Connection").click()
        return ConnectionForm(self.page)

    def test(self, conn_id: str) -> None:
        """Press the Test button."""
        self.row(conn_id).get_by_role("button", name="Test Connection").click()

    def row(self, conn_id: str) -> Locator:
        """Return a connection's line."""
        cell = self.page.get_by_role("cell", name=conn_id, exact=True)
        return self.page.get_by_role("row").filter(has=cell)

    def message(self, title: str) -> Locator:
        """Return the message of that title, which is there for a few seconds."""
        return self.page.get_by_role("status").filter(has_text=title)
