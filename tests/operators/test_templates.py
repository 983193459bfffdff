"""Literal text reaches the service unchanged, with and without native rendering."""

from __future__ import annotations

from typing import Any

import jinja2
import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.harness import rendered, run

TEXTS = [
    "00123", "1e5", "1_000", "0x10", "3.10", "1,2", "[1, 2]", "{'a': 1}", "None", "True", "'q'", '"q"', "(1)",
    "nan", "", " padded ", "ends.json", "line\n", "\r\n", "ü", "a { b", "50%", "{ {x} }",
]  # fmt: skip
IDS = [text for text in TEXTS if text]


@pytest.fixture(params=[False, True], ids=["plain", "native"])
def native(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def vectors(server: DevServer, connection: str) -> Any:
    """Create vectors by id, and read them back."""
    client = VectorClient(Endpoint.of(server.url, server.token))

    class Vectors:
        def create(self, id: str, namespace: str = "", **fields: Any) -> None:
            client.upsert([{"id": id, "vector": [0, 0], **fields}], namespace)

        def read(self, id: str, namespace: str = "") -> Any:
            return client.fetch([id], namespace, include_vectors=True, include_metadata=True, include_data=True)[0]

    yield Vectors()
    client.close()


@pytest.mark.parametrize("id", IDS)
def test_ids(vectors: Any, native: bool, id: str) -> None:
    vectors.create(id)
    assert run(native, vector_id=id, data="x") == 1
    assert run(native, {"id": id}, vector_id="{{ params.id }}", data="y") == 1
    assert vectors.read(id).data == "y"


@pytest.mark.parametrize("text", TEXTS)
def test_namespaces_data_and_the_texts_in_metadata(vectors: Any, native: bool, text: str) -> None:
    for written in (text, "{{ params.text }}"):
        vectors.create("a", text, metadata={"note": "before"})
        metadata = {"note": written, "deep": [{"note": written}]}
        values = {"data": written, "metadata": metadata, "metadata_update_mode": "PATCH", "namespace": written}
        assert run(native, {"text": text}, vector_id="a", **values) == 1
        stored = vectors.read("a", text)
        assert stored.data == text
        assert stored.metadata == {"note": text, "deep": [{"note": text}]}


def test_a_template_within_a_text_keeps_the_rest_of_it(native: bool) -> None:
    operator = rendered(native, {"n": 7}, vector_id="doc-{{ params.n }}", data="{{ ds }}: {{ params.n }}\n")
    assert (operator.vector_id, operator.data) == ("doc-7", "2026-01-02: 7\n")


def test_an_integer_id_becomes_its_digits(vectors: Any, native: bool) -> None:
    vectors.create("5")
    assert run(native, {"id": 5}, vector_id="{{ params.id }}", data="x") == 1
    assert run(native, vector_id=5, data="x") == 1


@pytest.mark.parametrize(
    "written",
    ["{{ params.v }}", "{{ params.v | tojson }}", "[{{ params.v[0] }}, {{ params.v[1] }}]", [0.5, 1], (0.5, 1)],
)
def test_vectors_from_templates(vectors: Any, native: bool, written: Any) -> None:
    vectors.create("a")
    assert run(native, {"v": [0.5, 1]}, vector_id="a", vector=written) == 1
    assert vectors.read("a").vector == [0.5, 1.0]


def test_numpy_vectors_are_accepted(vectors: Any, native: bool) -> None:
    vectors.create("a")
    assert run(native, vector_id="a", vector=np.array([0.5, 1], dtype=np.float32)) == 1
    assert vectors.read("a").vector == [0.5, 1.0]


@pytest.mark.parametrize(
    "written",
    ["{{ params.m }}", "{{ params.m | tojson }}", '{"note": "None", "n": {{ params.m.n }}, "gone": null}'],
)
def test_metadata_from_templates(vectors: Any, native: bool, written: str) -> None:
    vectors.create("a", metadata={"gone": 1, "kept": 2})
    params = {"m": {"note": "None", "n": 3, "gone": None}}
    assert run(native, params, vector_id="a", metadata=written, metadata_update_mode="PATCH") == 1
    assert vectors.read("a").metadata == {"kept": 2, "note": "None", "n": 3}


def test_native_rendering_keeps_the_types_of_single_expressions() -> None:
    metadata = {"n": "{{ params.n }}", "tags": "{{ params.tags }}", "text": "n is {{ params.n }}"}
    operator = rendered(True, {"n": 3, "tags": ["x"]}, vector_id="a", metadata=metadata)
    assert operator.metadata == {"n": 3, "tags": ["x"], "text": "n is 3"}


def test_fields_that_render_to_none_are_not_set(vectors: Any, native: bool) -> None:
    vectors.create("a", metadata={"x": 1}, data="old")
    none = "{{ params.none }}"
    empty = {"vector": none, "data": none, "metadata_update_mode": none, "namespace": none}
    assert run(native, {"none": None}, vector_id="a", metadata={"x": 2}, **empty) == 1
    assert (vectors.read("a").data, vectors.read("a").metadata) == ("old", {"x": 2})
    assert run(native, {"none": None}, vector_id="a", data="new", metadata="", sparse_vector=none) == 1
    assert (vectors.read("a").data, vectors.read("a").metadata) == ("new", {"x": 2})


@pytest.mark.usefixtures("connection")
def test_an_id_that_renders_to_none_is_rejected(native: bool) -> None:
    with pytest.raises(AirflowFailException, match=r"vector_id: must be text, .*, got NoneType None"):
        run(native, {"none": None}, vector_id="{{ params.none }}", data="x")


def test_none_within_metadata_or_a_text_is_text_unless_native(native: bool) -> None:
    metadata = {"whole": "{{ params.none }}", "part": "is {{ params.none }}"}
    operator = rendered(native, {"none": None}, vector_id="a", metadata=metadata)
    assert operator.metadata == {"whole": None if native else "None", "part": "is None"}


def test_an_undefined_name_raises(native: bool) -> None:
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        rendered(native, vector_id="{{ nothing }}", data="x")


def test_an_error_in_a_template_raises(native: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        rendered(native, vector_id="{{ 1 // 0 }}", data="x")
    with pytest.raises(jinja2.TemplateSyntaxError):
        rendered(native, vector_id="{{ 1 ", data="x")
