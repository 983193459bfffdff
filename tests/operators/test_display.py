"""Long vectors: truncated in the rendered fields that Airflow stores, sent whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from airflow.serialization.helpers import serialize_template_field

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base.display import SummarizedVector
from tests.support.harness import rendered, run
from tests.support.index_fixtures import connection_json

NUMBERS = [n / 8 for n in range(384)]
SHORT = "[0, 0.125, 0.25, 0.375, … 384 numbers]"
FORMS = [NUMBERS, tuple(NUMBERS), np.array(NUMBERS, "float32"), str(NUMBERS), "{{ params.vector }}"]
NAMES = ["list", "tuple", "array", "text", "template"]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("vector", FORMS, ids=NAMES)
def test_a_long_vector_is_truncated_in_the_rendered_fields(vector: Any, native: bool) -> None:
    operator = rendered(native, {"vector": NUMBERS}, vector_id="a", vector=vector)
    assert serialize_template_field(operator.vector, "vector") == SHORT


@pytest.mark.parametrize("vector", FORMS, ids=NAMES)
def test_a_long_vector_is_sent_whole(vector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with DevServer(dimension=384) as server, VectorClient(Endpoint.of(server.url, server.token)) as client:
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server))
        client.upsert([{"id": "a", "vector": [1.0] * 384}])
        assert run(False, {"vector": NUMBERS}, vector_id="a", vector=vector) == 1
        (fetched,) = client.fetch(["a"], include_vectors=True)
    assert fetched is not None
    assert fetched.vector == NUMBERS


@pytest.mark.parametrize("vector", [[0.1, 0.2], "[0.1, 0.2]", "no [vector", 5, np.array(0.5), None, ""])
def test_other_values_are_returned_as_they_are(vector: Any) -> None:
    assert SummarizedVector.of(vector) is vector


def test_the_repr_shows_elements_of_the_wrong_type() -> None:
    assert repr(SummarizedVector.of(["x", None] * 6)) == "['x', None, 'x', None, … 12 numbers]"


def test_it_is_a_sequence() -> None:
    vector = SummarizedVector.of(NUMBERS)
    assert (len(vector), vector[1], [*vector]) == (384, 0.125, NUMBERS)
