"""A user triggers ``example_trigger_from_ui`` and checks the result."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.browser import TakePicture, new_page
from tests.support.connection_pages import ConnectionsPage
from tests.support.dag_pages import DagPage
from tests.support.live_airflow import LiveAirflow

DIMENSION = 12
VECTOR = [0.25, 0.5, 0.75, *[1.0] * (DIMENSION - 3)]


@pytest.fixture(scope="module", autouse=True)
def connection(browser: Browser, airflow: LiveAirflow, index: DevServer) -> None:
    port = str(urlsplit(index.url).port)
    with new_page(browser, "connection") as page:
        ConnectionsPage(page, airflow.url).save("upstash_vector_default", index.url, index.token, port)


@pytest.fixture
def client(index: DevServer) -> Iterator[VectorClient]:
    with VectorClient(Endpoint.of(index.url, index.token)) as client:
        client.upsert([{"id": "movie-1", "vector": [1] * DIMENSION, "metadata": {"genre": "drama", "year": 1951}}])
        yield client


@pytest.fixture
def dag(page: Page, airflow: LiveAirflow) -> DagPage:
    return DagPage(page, airflow, "example_trigger_from_ui")


def test_the_form_updates_a_vector(
    dag: DagPage, client: VectorClient, index: DevServer, picture: TakePicture
) -> None:
    form = dag.press_trigger()
    form.fill("id", "movie-1")
    form.fill_json("metadata", {"genre": "comedy", "tags": ["classic"]})
    form.fill_json("vector", VECTOR)
    form.choose("Mode", "OVERWRITE")
    form.fill("data", "A heist goes wrong.")
    form.show("id")
    picture("trigger-form")
    run = form.trigger()
    run.ends("Success")

    (changed,) = client.fetch(["movie-1"], include_vectors=True, include_metadata=True, include_data=True)
    assert changed is not None
    assert changed.vector == VECTOR
    assert changed.metadata == {"genre": "comedy", "tags": ["classic"]}
    assert changed.data == "A heist goes wrong."

    expect(run.xcom("return_value")).to_have_text("1")
    picture("xcom")
    expect(run.rendered("vector")).to_contain_text(f"[0.25, 0.5, 0.75, 1, … {DIMENSION} numbers]")
    expect(run.rendered("metadata")).to_contain_text('"genre": "comedy"')
    picture("rendered")
    expect(run.link("Upstash Console")).to_have_attribute("href", index.url)
    expect(run.graph()).to_be_visible()
    picture("graph")


@pytest.mark.parametrize(
    ("id", "vector", "message"),
    [
        ("movie-9", VECTOR, "There is no vector 'movie-9' in the default namespace; nothing was updated."),
        (
            "movie-1",
            [0.5],
            "update of 'movie-1' in the default namespace: 422 Invalid vector dimension: 1, expected: 12",
        ),
    ],
    ids=["unknown-id", "wrong-vector"],
)
@pytest.mark.usefixtures("client")
def test_the_log_says_why_a_run_fails(dag: DagPage, id: str, vector: list[float], message: str) -> None:
    form = dag.press_trigger()
    form.fill("id", id)
    form.fill_json("vector", vector)
    run = form.trigger()
    run.ends("Failed")
    line = run.log(f"ERROR - {message}").first
    expect(line).to_be_in_viewport(ratio=0.9)  # this small window shows about 115 characters of a line
