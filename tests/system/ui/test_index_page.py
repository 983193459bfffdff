"""A user looks at the indexes in Airflow's UI."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.browser import TakePicture
from tests.support.live_airflow import LiveAirflow

FILMS = [
    ("The Lavender Hill Mob", "comedy", 1951, "A meek bank clerk plans to steal a shipment of gold bullion."),
    ("Rififi", "crime", 1955, "Four men break into a jeweller's shop in a half hour without a word."),
    ("Ikiru", "drama", 1952, "A bureaucrat who learns that he is dying looks for a meaning in his last months."),
    ("Playtime", "comedy", 1967, "Monsieur Hulot and a group of tourists lose their way in a city of glass."),
    ("Solaris", "science fiction", 1972, "A psychologist is sent to a station that orbits an ocean planet."),
    ("Stalker", "science fiction", 1979, "A guide leads a writer and a professor through the Zone."),
    ("Le Samouraï", "crime", 1967, "A hired killer is seen by witnesses, and his alibi comes apart."),
    ("Tampopo", "comedy", 1985, "Two truck drivers help a widow to make the best noodle soup in town."),
    ("Yi Yi", "drama", 2000, "A year in the life of a family in Taipei, from a wedding to a funeral."),
    ("Playtime <b>", "'quoted'", 0, '"><script>alert(1)</script>'),
]
DIMENSION = 96
CONNECTION = "movies"


def wave(n: int) -> list[float]:
    return [math.sin(n + d * d / (9 + n)) * math.exp(-((d - 5 * n) ** 2) / 4000) for d in range(DIMENSION)]


@pytest.fixture(scope="module")
def films() -> Iterator[DevServer]:
    """A token of characters that appear in no page, and an index with three namespaces."""
    with DevServer(dimension=DIMENSION, embedding_model="BGE_M3", token="t0k3n-of-films-xq") as server:
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            texts = [{"id": f"film-{n:03}", "data": film[3]} for n, film in enumerate(FILMS * 6)]
            client.upsert_data(texts)
            embedded = client.fetch([text["id"] for text in texts], include_vectors=True)
            client.reset()
            vectors = [
                {
                    "id": f"film-{n:03}",
                    "vector": [x + 0.1 * y for x, y in zip(stored.vector, wave(n), strict=True)],
                    "metadata": {"title": title, "genre": genre, "year": year, "reel": n // len(FILMS) + 1},
                    "data": text,
                }
                for n, (stored, (title, genre, year, text)) in enumerate(zip(embedded, FILMS * 6, strict=True))
                if stored is not None
                if stored.vector is not None
            ]
            client.upsert(vectors, "films")
            client.upsert(vectors[:20], "films-staging")
            client.upsert(vectors[:4])
        yield server


@pytest.fixture(scope="module", autouse=True)
def connections(airflow: LiveAirflow, films: DevServer) -> None:
    airflow.add_connection(CONNECTION, host=films.url, password=films.token)
    airflow.add_connection("asleep", host="http://127.0.0.1:9", password=films.token)


class IndexPages:
    """The pages in the frame of Airflow's UI; records what the browser requests and reports."""

    def __init__(self, page: Page, airflow: LiveAirflow, films: DevServer) -> None:
        self.page, self._airflow, self._films = page, airflow, films
        self._requests: list[str] = []
        self._problems: list[str] = []
        page.on("request", lambda request: self._requests.append(request.url))
        page.on("console", self._on_message)
        page.on("dialog", lambda dialog: self._problems.append(dialog.message))

    def _on_message(self, message: object) -> None:
        text = getattr(message, "text", "")
        if "Content Security Policy" in text or "Blocked" in text or "Unsafe attempt" in text:
            self._problems.append(text)

    @property
    def frame(self) -> FrameLocator:
        """The pages."""
        return self.page.frame_locator('iframe[title="Upstash Vector"]')

    def open(self, path: str = "/") -> None:
        """Open a page by itself."""
        self.page.goto(f"{self._airflow.url}/upstash-vector{path}")

    def open_from_menu(self) -> None:
        """Use the menu of Airflow."""
        self.page.goto(self._airflow.url)
        self.page.get_by_role("button", name="Browse").click()
        self.page.get_by_role("menuitem", name="Upstash Vector").click()
        expect(self.frame.get_by_role("heading", name="Upstash Vector")).to_be_visible()

    def check(self) -> None:
        """Nothing came from elsewhere, nothing was blocked, no page has the token."""
        assert not self._problems
        assert all(url.startswith((self._airflow.url, "data:", "blob:")) for url in self._requests), self._requests
        assert self._films.token not in self.page.content()


@pytest.fixture
def pages(page: Page, airflow: LiveAirflow, films: DevServer) -> Iterator[IndexPages]:
    pages = IndexPages(page, airflow, films)
    yield pages
    pages.check()


def test_from_the_menu_to_a_vector(pages: IndexPages, page: Page, picture: TakePicture) -> None:
    pages.open_from_menu()
    frame = pages.frame
    expect(frame.get_by_text("84 vectors")).to_be_visible()
    expect(frame.get_by_text("No answer").first).to_be_visible()  # other tests leave connections
    picture("index-pages")
    frame.get_by_role("link", name=CONNECTION).click()
    expect(frame.get_by_role("row", name="films-staging")).to_contain_text("20")
    page.evaluate("document.documentElement.className = 'dark'")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    page.evaluate("document.documentElement.className = 'light'")
    expect(frame.locator("html")).to_have_attribute("data-theme", "light")
    frame.get_by_role("link", name="films", exact=True).click()
    expect(frame.get_by_role("listitem").filter(has_text="film-000")).to_be_visible()
    frame.get_by_role("link", name="Next page").click()
    expect(frame.get_by_text("film-025")).to_be_visible()
    frame.get_by_label("Search", exact=True).fill("a city of glass")
    frame.get_by_label("Filter").fill("reel = 1 AND year > 1960")
    page.keyboard.press("Enter")
    expect(frame.locator(".score").first).to_be_visible()
    expect(frame.locator(".vector").first).to_contain_text("Playtime")
    picture("index-page-search")
    frame.locator(".vector a").first.click()
    expect(frame.get_by_role("heading", name="Metadata")).to_be_visible()
    picture("index-page-vector")
    frame.get_by_role("link", name="Find similar").click()
    expect(frame.get_by_text("Nearest to")).to_be_visible()


@pytest.fixture
def default_connection(airflow: LiveAirflow, films: DevServer) -> Iterator[None]:
    airflow.add_connection("upstash_vector_default", host=films.url, password=films.token)
    yield
    airflow.remove_connection("upstash_vector_default")


@pytest.mark.usefixtures("default_connection")
def test_links_of_tasks_leave_the_frame(
    pages: IndexPages, airflow: LiveAirflow, page: Page, picture: TakePicture
) -> None:
    run_id = airflow.trigger("example_trigger_from_ui", id="film-001", namespace="films", metadata={"seen": True})
    assert airflow.wait_for_end(run_id, "update") == "success"
    pages.open_from_menu()
    pages.frame.get_by_role("link", name="upstash_vector_default").click()
    row = pages.frame.get_by_role("row").filter(has_text="example_trigger_from_ui").first
    expect(row).to_contain_text("1 written")
    picture("index-page")
    row.get_by_role("link").click()
    page.wait_for_url(f"**/dags/example_trigger_from_ui/runs/{run_id}/tasks/update")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1600])
def test_pages_fit_every_window(pages: IndexPages, scheme: str, width: int) -> None:
    page = pages.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    at = f"/connections/{CONNECTION}"
    for name, path in {
        "overview": "/",
        "index": at,
        "failed": "/connections/asleep",
        "namespace": f"{at}/namespace?namespace=films",
        "search": f"{at}/namespace?namespace=films&q=gold&filter=year%20%3C%202000",
        "wrong": f"{at}/namespace?namespace=films&q=%5B1%5D",
        "empty": f"{at}/namespace?namespace=nothing",
        "vector": f"{at}/vector?namespace=films&id=film-009",
        "unknown": "/nothing",
    }.items():
        pages.open(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 18)"
        assert dark == (scheme == "dark")
        page.screenshot(path=f"build/screenshots/pages/{name}-{width}-{scheme}.png", full_page=True)
    expect(page.get_by_text("There is no such page.")).to_be_visible()


def test_the_search_box_is_reached_by_a_key_and_takes_long_vectors(pages: IndexPages) -> None:
    pages.open(f"/connections/{CONNECTION}/namespace?namespace=films")
    page = pages.page
    page.keyboard.press("/")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    page.get_by_label("Search", exact=True).fill(str([0.123456789 + n for n in range(DIMENSION)]))
    page.keyboard.press("Enter")
    expect(page.locator(".score").first).to_be_visible()
    assert "?" not in page.url
