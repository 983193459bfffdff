"""Page objects of Admin, Connections: the list and the form."""

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
        self.namespace = self._dialog.locator("#element_namespace")  # its label has no `for`
        self.description = self._dialog.get_by_label("Description")

    def name(self, conn_id: str) -> None:
        """Fill in the connection id."""
        self._dialog.get_by_label("Connection ID").fill(conn_id)

    def choose_type(self, name: str) -> None:
        """Choose a connection type, by its first letters."""
        self._dialog.get_by_label("Connection Type").click()
        self._page.keyboard.type(name[:5])
        self._page.get_by_role("option", name=name).click()

    def open_extra_fields(self) -> None:
        """Expand the extra fields."""
        self._dialog.get_by_role("button", name="Extra Fields", exact=True).click()
        expect(self.url).to_be_hidden()  # the standard fields collapse

    def number(self, label: str) -> Locator:
        """Return a numeric field."""
        return self._dialog.get_by_role("spinbutton", name=label)

    def labels(self) -> set[str]:
        """Return the labels of the visible fields."""
        labels = self._dialog.locator("label:visible").all_inner_texts()
        return {label.rstrip("* \n") for label in labels if label.strip()}

    def text(self, text: str) -> Locator:
        """Return the element with a text."""
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
        """Open the page."""
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
        self.open()  # otherwise the message stays while the mouse is over it

    def edit(self, conn_id: str) -> ConnectionForm:
        """Open the form of an existing connection."""
        self.row(conn_id).get_by_role("button", name="Edit Connection").click()
        return ConnectionForm(self.page)

    def test(self, conn_id: str) -> None:
        """Press the Test button."""
        self.row(conn_id).get_by_role("button", name="Test Connection").click()

    def row(self, conn_id: str) -> Locator:
        """Return the row of a connection."""
        cell = self.page.get_by_role("cell", name=conn_id, exact=True)
        return self.page.get_by_role("row").filter(has=cell)

    def message(self, title: str) -> Locator:
        """Return the message with a title, which is visible for a few seconds."""
        return self.page.get_by_role("status").filter(has_text=title)
