"""The operator that writes one whole vector: results, replaced parts, errors, templates, lineage."""

from __future__ import annotations

import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.client import Endpoint, FetchedVector, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.upstash_vector import UpsertVectorOperator
from tests.support.harness import OutletEvents, context
from tests.support.index_fixtures import connection_json


def upserted(params: dict[str, Any] | None = None, *, native: bool = False, **arguments: Any) -> Any:
    """Render and execute an operator; return its result."""
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = UpsertVectorOperator(task_id="t", **arguments)
    operator.render_template_fields(context(params))
    return operator.execute(context(params))


def fetched(server: DevServer, id: str, namespace: str = "") -> FetchedVector | None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        (vector,) = client.fetch([id], namespace, include_vectors=True, include_metadata=True, include_data=True)
        return vector


@pytest.mark.parametrize("native", [False, True])
def test_a_new_vector_and_one_that_replaces_it(server: DevServer, connection: str, native: bool) -> None:
    fields = {"vector": "{{ params.v }}", "metadata": {"g": "{{ params.g }}"}, "data": "{{ params.d or none }}"}
    params = {"v": [0.5, 0.25], "g": "1e5", "d": "text"}
    result = upserted(params, native=native, vector_id="1e5", namespace="ns", **fields)
    assert (result, type(result)) == (1, int)
    assert fetched(server, "1e5", "ns") == FetchedVector(
        id="1e5", vector=[0.5, 0.25], metadata={"g": "1e5"}, data="text"
    )
    assert upserted(params | {"d": ""}, native=native, vector_id="1e5", namespace="ns", vector=[1, 2]) == 1
    assert fetched(server, "1e5", "ns") == FetchedVector(id="1e5", vector=[1, 2])


def test_data_alone_is_embedded_by_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    with DevServer(dimension=8, embedding_model="BGE_SMALL_EN_V1_5") as server:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server))
        assert upserted(vector_id="a", data="A heist.", metadata={"n": 1}, wait_until_indexed=True) == 1
        vector = fetched(server, "a")
        assert vector is not None
        assert (vector.data, vector.metadata) == ("A heist.", {"n": 1})
        assert server.requests["upsert-data"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vector_id": "a"}, "vector: set vector, sparse_vector or both; or data, if the index embeds it"),
        ({"vector_id": "a", "metadata": {}}, "vector: set vector, sparse_vector or both"),
        ({"vector_id": "", "vector": [1, 2]}, "vector_id: must not be empty"),
        ({"vector_id": "a", "vector": "1; 2"}, "vector: must be a list of numbers, e.g. [0.1, 0.2], got the text"),
        ({"vector_id": "a", "vector": [1, "x"]}, "upsert of 'a' in the default namespace: vector: element 1"),
        ({"vector_id": "a", "vector": [1, 2], "metadata": "[1]"}, "metadata: must be a JSON object"),
        ({"vector_id": "a", "data": 0.5}, "data: must be text, a whole number or a UUID"),
    ],
)
def test_invalid_input_fails_before_anything_is_sent(
    server: DevServer, connection: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        upserted(**arguments)
    assert not server.requests


def test_what_the_index_refuses_fails_immediately(server: DevServer, connection: str) -> None:
    with pytest.raises(AirflowFailException, match="422 Invalid vector dimension: 1, expected: 2"):
        upserted(vector_id="a", vector=[1])
    with pytest.raises(AirflowFailException, match="upsert_data in the default namespace: 422 Embedding data"):
        upserted(vector_id="a", data="x")


def test_the_event_of_an_outlet_has_the_count(server: DevServer, connection: str) -> None:
    asset, events = upstash_vector_asset(server.url, "ns"), OutletEvents()
    with DAG("d", schedule=None):
        operator = UpsertVectorOperator(task_id="t", vector_id="a", vector=[1, 2], namespace="ns", outlets=[asset])
    task_context: Any = {**context({}), "outlet_events": events.accessors}
    assert operator.execute(task_context) == 1
    assert events.extras() == {asset.uri: {"upserted": 1}}
