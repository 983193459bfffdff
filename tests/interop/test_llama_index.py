"""The recipe for what LlamaIndex wrote."""

from __future__ import annotations

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.upstash import UpstashVectorStore

from airflow_provider_upstash_vector.dev_server import DevServer
from tests.interop.recipes import DRAMA, IDS, TEXTS, VECTORS, overwrite, run_recipe
from tests.support.airflow_home import AirflowHome


@pytest.fixture
def store(server: DevServer, connection: str) -> UpstashVectorStore:
    store = UpstashVectorStore(url=server.url, token=server.token)
    store.add(
        [
            TextNode(id_=id, text=text, metadata={**DRAMA}, embedding=VECTORS[text])
            for id, text in zip(IDS, TEXTS, strict=True)
        ]
    )
    return store


def found(store: UpstashVectorStore, genre: str) -> list[tuple[str, object]]:
    filters = MetadataFilters(filters=[MetadataFilter(key="genre", value=genre)])
    result = store.query(VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=2, filters=filters))
    return [(node.get_content(), node.metadata) for node in result.nodes or ()]


def test_the_recipe_keeps_the_nodes(store: UpstashVectorStore, airflow_home: AirflowHome) -> None:
    run_recipe(airflow_home, "LlamaIndex")
    assert found(store, "comedy") == [("A heist.", {**DRAMA, "genre": "comedy"})]
    assert found(store, "western") == [("A trip.", {**DRAMA, "genre": "western"})]


def test_an_update_without_it_breaks_queries(
    store: UpstashVectorStore, server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    assert "remove '_node_content'" in overwrite(server, caplog)
    with pytest.raises(ValueError, match="Node content not found"):
        found(store, "war")
