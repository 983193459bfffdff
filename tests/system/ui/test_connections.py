"""A user adds, edits and tests a connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.browser import TakePicture
from tests.support.connection_pages import ConnectionsPage
from tests.support.tutorial import tutorial_connection


def port(index: DevServer) -> str:
    return str(urlsplit(index.url).port)


def test_the_connection_of_the_tutorial_passes_its_test(
    connections: ConnectionsPage, index: DevServer, page: Page
) -> None:
    entries = tutorial_connection()
    here = {
        entries["Port"]: port(index),
        entries["REST token"]: index.token,
        entries["Connection ID"]: "of_the_tutorial",
    }
    form = connections.add(entries.pop("Connection Type"))
    for label, value in entries.items():
        for theirs, ours in here.items():
            value = value.replace(theirs, ours)  # noqa: PLW2901 - the same value here
        page.get_by_role("dialog").get_by_label(label).fill(value)
    form.save()
    connections.open()
    connections.test("of_the_tutorial")
    expect(connections.message("Test Connection Successful")).to_be_visible()


def test_the_form_explains_its_fields(connections: ConnectionsPage, picture: TakePicture) -> None:
    form = connections.add("Upstash Vector")
    form.name("upstash_vector_default")
    expect(form.url).to_have_attribute("placeholder", "https://my-index-vector.upstash.io")
    expect(form.token).to_have_attribute("placeholder", "the token from the index's Connect tab")
    expect(form.token).to_have_css("-webkit-text-security", "disc")
    expect(form.port).to_have_attribute("placeholder", "the port of the REST URL, or 443 if it has none")
    # without login and schema, which an index does not have
    standard = {"Connection ID", "Connection Type", "Description", "REST URL", "REST token", "Port"}
    assert form.labels() == standard
    form.url.fill("https://my-index-vector.upstash.io")
    form.token.fill("example-token-of-an-index")
    form.port.fill("443")
    picture("connection-form")

    form.open_extra_fields()
    for help_text in ("For tasks that set none", "For one request", "Maximum attempts", "Sends the token"):
        expect(form.text(help_text)).to_be_visible()
    assert form.labels() >= {"Default namespace", "Timeout (s)", "Attempts", "Allow plain HTTP"}
    expect(form.number("Timeout (s)")).to_have_value("30")
    expect(form.number("Attempts")).to_have_value("5")
    picture("connection-form-extra")


def test_the_test_button_describes_the_index(
    connections: ConnectionsPage, index: DevServer, picture: TakePicture
) -> None:
    connections.save("movies", index.url, index.token, port(index))
    connections.test("movies")
    succeeded = connections.message("Test Connection Successful")
    expect(succeeded).to_contain_text("DENSE index of 12 dimensions (COSINE)")
    expect(succeeded).to_have_css("opacity", "1")
    picture("connection-test")


def test_a_connection_is_edited_without_its_token(
    connections: ConnectionsPage, index: DevServer, page: Page
) -> None:
    connections.save("edited", index.url, index.token, port(index))
    form = connections.edit("edited")
    expect(form.token).not_to_be_empty()
    assert index.token not in page.content()
    form.description.fill("Of the film archive.")
    form.open_extra_fields()
    form.namespace.fill("archive")
    form.save()

    expect(connections.row("edited")).to_contain_text("Of the film archive.")
    connections.test("edited")
    expect(connections.message("Test Connection Successful")).to_be_visible()


def test_the_test_button_says_what_is_wrong(
    connections: ConnectionsPage, index: DevServer, picture: TakePicture
) -> None:
    connections.save("wrong_token", index.url, "not-the-token", port(index))
    connections.test("wrong_token")
    failed = connections.message("Test Connection Failed")
    expect(failed).to_contain_text("use the REST token from the index's Connect tab")
    expect(failed).to_have_css("opacity", "1")
    picture("connection-test-failed")

    connections.save("wrong_host", "http://127.0.0.1:9", index.token, "9")
    connections.test("wrong_host")
    expect(connections.message("connection refused; check host and port of the REST URL")).to_be_visible()
