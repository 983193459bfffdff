"""The recipe for what LangChain wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_community.vectorstores.upstash import UpstashVectorStore
from langchain_core.embeddings import Embeddings

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.interop.recipes import DRAMA, IDS, TEXTS, VECTORS, overwrite, run_recipe
from tests.support.airflow_home import AirflowHome
from tests.support.index_fixtures import connection_json


class FixedEmbeddings(Embeddings):  # type: ignore[misc]  # without types here
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [VECTORS[text] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return VECTORS[text]


@pytest.fixture
def store(server: DevServer, connection: str) -> UpstashVectorStore:
    store = UpstashVectorStore(embedding=FixedEmbeddings(), index_url=server.url, index_token=server.token)
    store.add_texts(TEXTS, [DRAMA, DRAMA], ids=IDS)
    return store


def found(store: UpstashVectorStore, query: str) -> list[tuple[str, Any]]:
    return [(document.page_content, document.metadata) for document in store.similarity_search(query, k=2)]


def test_the_recipe_keeps_the_documents(store: UpstashVectorStore, airflow_home: AirflowHome) -> None:
    run_recipe(airflow_home, "LangChain")
    assert found(store, "A heist.") == [("A heist.", {**DRAMA, "genre": "comedy"}), ("A war.", DRAMA)]
    (nearest, score), _ = store.similarity_search_with_score("A war.", k=2)
    assert (nearest.page_content, score) == ("A war.", 1.0)


def test_an_update_without_it_loses_the_document(
    store: UpstashVectorStore, server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "remove 'text'" in overwrite(server, caplog)
    assert found(store, "A heist.") == [("A trip.", DRAMA)]


@pytest.fixture
def embedding_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevServer]:
    with DevServer(dimension=64, embedding_model="stand-in") as server:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server))
        yield server


def test_a_text_where_the_service_embeds(embedding_server: DevServer, airflow_home: AirflowHome) -> None:
    server = embedding_server
    store = UpstashVectorStore(embedding=True, index_url=server.url, index_token=server.token)
    store.add_texts(TEXTS, [DRAMA, DRAMA], ids=IDS)
    run_recipe(airflow_home, "LangChain", lambda block: block.replace('"vector": [0.2, 0.8]', '"data": "A war."'))
    (nearest, score), _ = store.similarity_search_with_score("A war.", k=2)
    assert (nearest.page_content, nearest.metadata, score) == ("A war.", DRAMA, 1.0)
