"""The pages: what they show, their links, and that nothing of the data becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_upstash_vector.index_page.reader import (
    NamespaceFacts,
    ReadFailed,
    Search,
    StoredVector,
    TaskRun,
)
from tests.index_page.pages import NOW, FakeReader, facts, pages_of

ROOT = "/airflow/upstash-vector"
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> '",
    "' onmouseover='alert(1)' x='",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "a/b?c=d&e#f %2e%2e/",
    "../../admin",
    "\u202egnp.exe\x00\x1b[31m\ud800",
    "a\u200bb\u200d\ufeff\u00ad",
    "</bdi></textarea></title><style>*{}</style>",
]
HIDDEN = "\u202e\x00\x1b\ud800\u200b\u200d\ufeff\u00ad"


class Checked(HTMLParser):
    """Collects elements and texts; anything that a page itself never writes is an error."""

    TAGS = frozenset(
        {"html", "head", "meta", "title", "link", "script", "body", "a", "div", "nav", "ol", "li", "bdi", "main"}
        | {"header", "h1", "h2", "p", "em", "small", "span", "ul", "dl", "dt", "dd", "code", "section", "table"}
        | {
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "svg",
            "rect",
            "path",
            "form",
            "label",
            "input",
            "button",
            "b",
            "pre",
        }
        | {"details", "summary"}
    )
    VOID = frozenset({"meta", "link", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.fields: dict[str, str] = {}
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.TAGS, tag
        names = {name for name, _ in attrs}
        assert not names & {"style", "srcdoc", "formaction"}, attrs
        assert not any(name.startswith("on") for name in names), attrs
        values = dict(attrs)
        if tag == "script":
            assert "src" in values
        for name in ("href", "src", "action"):
            if (url := values.get(name)) and url != "#content":
                assert url.startswith((f"{ROOT}/", "/dags/")), url
                self.links.append(url)
        if tag == "input":
            self.fields[str(values["name"])] = values.get("value") or ""
        if tag not in self.VOID and values.get("/") is None:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, [*attrs, ("/", "/")])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def get(reader: FakeReader, path: str, status: int = 200, **parameters: str) -> Checked:
    response = pages_of(reader).get(path, params=parameters or None)
    assert response.status_code == status, response.text
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    return Checked(response.text)


def shown(text: str) -> str:
    """Return a hostile text as a page shows it."""
    escaped = "".join(f"\\u{ord(char):04x}" if char in HIDDEN else char for char in text)
    return " ".join(escaped.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_as_they_are_and_linked(text: str) -> None:
    vector = StoredVector(id=text, metadata={text: text, "n": [text, {"k": text}]}, data=text, vector=[0.1, -0.2])
    namespaces = [NamespaceFacts(name=text, vectors=1, pending=0)]
    run = TaskRun(
        dag_id=text, task_id=text, map_index=3, operator=text, state=text, namespace=text, started=NOW,
        seconds=1.0, counts={text: 1}, url="/dags/a",
    )  # fmt: skip
    index = facts(
        url=text, models=[text], index_type=text, similarity=text, namespaces=namespaces, notes={text: text}
    )
    reader = FakeReader({text: index, "dead": ReadFailed(text)}, [vector], [run])
    expected = shown(text)
    assert get(reader, "/").text.count(expected) >= 3

    name = "movies"
    reader.indexes[name] = index
    page = get(reader, f"/connections/{name}")
    assert page.text.count(expected) >= 7
    (of_namespace,) = {link for link in page.links if "/namespace?" in link}
    sent = text.replace("\ud800", "?")
    assert parse_qsl(urlsplit(of_namespace).query, keep_blank_values=True) == [("namespace", sent)]

    query = {"namespace": sent, "q": sent, "filter": sent, "prefix": sent}
    page = get(reader, f"/connections/{name}/namespace", 200, **query)
    assert {key: page.fields[key] for key in query} == query
    (of_vector,) = {link for link in page.links if "/vector?" in link}
    assert dict(parse_qsl(urlsplit(of_vector).query, keep_blank_values=True)) == {"namespace": sent, "id": sent}

    reader.stored = [StoredVector(id=sent, metadata=vector.metadata, data=text, vector=[0.1, -0.2])]
    page = get(reader, f"/connections/{name}/vector", namespace=sent, id=sent)
    assert page.text.count(expected) >= 1
    get(reader, f"/connections/{name}/vector", 404, namespace=sent, id=f"{sent}2")


def test_a_dead_index_is_an_error_of_its_card_only() -> None:
    reader = FakeReader({"dead": ReadFailed("connection refused"), "movies": facts()})
    page = get(reader, "/")
    assert "connection refused" in page.text
    assert "12,345 vectors 7 pending" in page.text
    page = get(reader, "/connections/dead", 502)
    assert "No answer connection refused" in page.text


def test_an_index_has_its_facts() -> None:
    page = get(FakeReader(), "/connections/movies")
    for fact in ("Vectors 12,345", "Pending 7", "Type Dense", "Dimensions 3", "Size 3.0 MB", "Response 43 ms"):
        assert fact in page.text
    assert "Recent writes" not in page.text


def test_links_of_runs_leave_the_frame() -> None:
    run = TaskRun(
        dag_id="nightly", task_id="load", map_index=-1, operator="BulkUpsertVectorsOperator", state="success",
        namespace="", started=NOW, seconds=125, counts={"upserted": 5000, "failed": 2}, url="/dags/nightly/runs/1",
    )  # fmt: skip
    html = pages_of(FakeReader(task_runs=[run])).get("/connections/movies").text
    assert re.search(r'href="/dags/nightly/runs/1" target="_top"', html)
    assert "5,000 upserted 2 failed default namespace" in Checked(html).text
    assert "No task of the last seven days" in get(FakeReader(task_runs=[]), "/connections/movies").text


def test_without_contents_no_page_reads_a_vector() -> None:
    reader = FakeReader(stored=[StoredVector(id="a")], shows_contents=False)
    assert not [link for link in get(reader, "/connections/movies").links if "/namespace" in link]
    for path in ("namespace?namespace=", "namespace?q=x", "namespace?like=a", "vector?id=a"):
        page = get(reader, f"/connections/movies/{path}", 403)
        assert "index_page = vectors" in page.text
    assert pages_of(reader).post("/connections/movies/namespace", data={"q": "x"}).status_code == 403
    assert not reader.asked


@pytest.mark.parametrize(
    ("form", "search"),
    [
        ({"q": " a heist ", "filter": " year > 1990 "}, Search(text="a heist", filter="year > 1990")),
        ({"q": "[1, 0.5]"}, Search(vector=[1.0, 0.5])),
        ({"like": "a"}, Search(vector=[0.25], sparse=([1], [0.5]))),
    ],
)
def test_searches(form: dict[str, str], search: Search) -> None:
    stored = StoredVector(id="a", vector=[0.25], sparse=([1], [0.5]), score=0.98765)
    reader = FakeReader(stored=[stored])
    for method in ("GET", "POST"):
        values = {"params" if method == "GET" else "data": {"namespace": "é", **form}}
        response = pages_of(reader).request(method, "/connections/movies/namespace", **values)  # type: ignore[arg-type]
        assert response.status_code == 200
        assert "0.9877" in Checked(response.text).text
        assert reader.asked[-1] == ("é", search)


@pytest.mark.parametrize(
    ("words", "reason"),
    [("[1,", "not a JSON array"), ("[]", "not finite"), ("[true]", "not finite"), ("[1e999]", "not finite"),
     ("[" * 100_000, "not a JSON array"), ('["a"]', "not finite"), (f"[1{'0' * 400}]", "not finite")],
)  # fmt: skip
def test_invalid_vectors_of_the_search_box(words: str, reason: str) -> None:
    reader = FakeReader()
    response = pages_of(reader).post("/connections/movies/namespace", data={"q": words})
    assert response.status_code == 400
    assert reason in Checked(response.text).text
    assert not reader.asked


def test_pages_of_vectors_follow_the_cursor() -> None:
    reader = FakeReader(stored=[StoredVector(id="a")], next_cursor="42")
    page = get(reader, "/connections/movies/namespace", namespace="n", prefix="a")
    (following,) = {link for link in page.links if "cursor=42" in link}
    get(reader, following.removeprefix(ROOT))
    assert reader.asked == [("n", "a", ""), ("n", "a", "42")]


def test_empty_states() -> None:
    assert "No indexes yet" in get(FakeReader({}), "/").text
    path = "/connections/movies/namespace"
    assert "No vectors" in get(FakeReader(), path).text
    assert "No id starts with x" in get(FakeReader(), path, prefix="x").text
    assert "Nothing found" in get(FakeReader(), path, q="x").text
    assert "Empty" in get(FakeReader({"movies": facts(namespaces=[])}), "/connections/movies").text
    failed = FakeReader(error=ReadFailed("the index is busy", 502))
    assert "the index is busy" in get(failed, path, 502).text


def test_a_connection_is_opened_by_name() -> None:
    response = pages_of(FakeReader()).get("/open", params={"connection_id": " //evil.example/é "})
    assert response.headers["location"] == f"{ROOT}/connections/%2F%2Fevil.example%2F%C3%A9"
    assert pages_of(FakeReader()).get("/open").headers["location"] == f"{ROOT}/"


def test_a_single_index_is_the_first_page() -> None:
    assert "Dimensions 3" in get(FakeReader(opens_by_name=False), "/").text


def test_every_response_has_the_headers() -> None:
    reader = FakeReader()
    client = pages_of(reader)
    responses = [
        client.request(method, path)
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE")
        for path in (
            "/",
            "/open",
            "/connections/movies",
            "/connections/movies/",
            "/connections/unknown",
            "/nothing",
        )
    ]
    assert {response.status_code for response in responses} == {200, 303, 404, 405, 500}
    for response in [*responses, client.get("/static/page.css"), client.get("/static/nothing")]:
        assert response.headers["content-security-policy"].startswith("default-src 'none'")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "same-origin"
        assert response.headers["cache-control"] == "no-store" or response.request.url.path.endswith(".css")
        assert "evil" not in response.headers.get("location", "")


def test_a_page_that_is_not_there_links_to_the_first_one() -> None:
    assert f"{ROOT}/" in get(FakeReader(), "/nothing", 404).links


def test_a_redirect_stays_on_the_host() -> None:
    client = pages_of(FakeReader())
    response = client.get("/connections/movies/", headers={"Host": "evil.example"})
    assert (response.status_code, response.headers.get("location")) == (404, None)
    response = client.get("/open?connection_id=movies", headers={"Host": "evil.example"})
    assert response.headers["location"] == f"{ROOT}/connections/movies"


def test_long_lists_are_cut_and_filtered() -> None:
    names = [NamespaceFacts(name=f"tenant-{n:05}", vectors=1, pending=0) for n in range(10_000)]
    reader = FakeReader({"movies": facts(namespaces=names)})
    page = get(reader, "/connections/movies")
    assert len({link for link in page.links if "/namespace?" in link}) == 500
    assert "9,500 more are not listed" in page.text
    page = get(reader, "/connections/movies", prefix="tenant-0999")
    assert len({link for link in page.links if "/namespace?" in link}) == 10
    assert page.fields["prefix"] == "tenant-0999"
    assert "No namespace starts with x" in get(reader, "/connections/movies", prefix="x").text

    sparse = ([*range(100_000)], [0.5] * 100_000)
    vector = StoredVector(
        id="a", vector=[0.5] * 100_000, sparse=sparse, metadata={"m": "<" * 10**6}, data="<" * 10**7
    )
    html = pages_of(FakeReader(stored=[vector])).get("/connections/movies/vector?id=a").text
    assert len(html) < 5_000_000
    assert "The first 5,000 values" in Checked(html).text
    reader = FakeReader(stored=[StoredVector(id="a", sparse=([1, 2, 3], [0.25]))])
    assert "1 0.25" in get(reader, "/connections/movies/vector", id="a").text


def test_static_files_are_kept_until_they_change() -> None:
    reader = FakeReader()
    for link in get(reader, "/").links:
        if "/static/" in link:
            response = pages_of(reader).get(link.removeprefix(ROOT))
            assert response.status_code == 200
            assert "max-age" in response.headers["cache-control"]
            assert "http" not in response.text.replace("http://www.w3.org", "")
    assert pages_of(reader).get("/static/..%2fapp.py").status_code == 404
    assert pages_of(reader).get("/static/nothing").status_code == 404


def test_metadata_is_shown_in_full_on_the_page_of_the_vector() -> None:
    metadata = {f"field-{n}": n for n in range(20)}
    reader = FakeReader(stored=[StoredVector(id="a", metadata=metadata, vector=[3, 4], sparse=([7], [0.5]))])
    assert "14 more" in get(reader, "/connections/movies/namespace").text
    page = get(reader, "/connections/movies/vector", id="a")
    assert " ".join(json.dumps(metadata, indent=2).split()) in page.text
    assert "Length 5" in page.text
    assert "7 0.5" in page.text


def test_deeply_nested_metadata_do_not_break_a_page() -> None:
    nested: object = 1
    for _ in range(100_000):
        nested = [nested]
    reader = FakeReader(stored=[StoredVector(id="a", metadata={"deep": nested})])
    assert "deep nested too deeply" in get(reader, "/connections/movies/namespace").text
    assert "nested too deeply" in get(reader, "/connections/movies/vector", id="a").text


def test_data_of_a_megabyte_are_shown_in_short_in_lists() -> None:
    reader = FakeReader(stored=[StoredVector(id="a", data="x" * 1_000_000, metadata={"m": "y" * 40_000})])
    assert len(pages_of(reader).get("/connections/movies/namespace").text) < 10_000
    assert len(pages_of(reader).get("/connections/movies/vector?id=a").text) > 1_000_000
