"""The recipe for what Haystack wrote."""

from __future__ import annotations

from typing import Any

import pytest
from haystack.dataclasses import Document
from haystack.utils.auth import Secret
from haystack_integrations.components.retrievers.upstash import UpstashEmbeddingRetriever
from haystack_integrations.document_stores.upstash import UpstashDocumentStore

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.interop.recipes import DRAMA, IDS, TEXTS, VECTORS, overwrite, run_recipe
from tests.support.airflow_home import AirflowHome


@pytest.fixture
def store(server: DevServer, connection: str) -> UpstashDocumentStore:
    store = UpstashDocumentStore(Secret.from_token(server.url), Secret.from_token(server.token))
    store.write_documents(
        [
            Document(id=id, content=text, meta={**DRAMA}, embedding=VECTORS[text])
            for id, text in zip(IDS, TEXTS, strict=True)
        ]
    )
    return store


def found(store: UpstashDocumentStore, query: str) -> list[tuple[str, Any]]:
    documents = UpstashEmbeddingRetriever(document_store=store).run(query_embedding=VECTORS[query])["documents"]
    return [(document.content, document.meta) for document in documents]


def test_the_recipe_keeps_the_documents(store: UpstashDocumentStore, airflow_home: AirflowHome) -> None:
    run_recipe(airflow_home, "Haystack")
    comedy = ("A heist.", {**DRAMA, "genre": "comedy"})
    assert found(store, "A war.") == [("A war.", DRAMA), comedy]
    assert found(store, "A heist.") == [comedy, ("A war.", DRAMA)]


def test_an_update_without_it_loses_other_fields(
    store: UpstashDocumentStore, server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert overwrite(server, caplog) == ""  # the text is not in the metadata
    assert found(store, "A heist.")[0] == ("A heist.", {"genre": "war"})
