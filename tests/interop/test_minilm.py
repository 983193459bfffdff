"""Texts in a file are embedded with real weights, loaded, and found by their meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.interop.minilm import embed

HAPPY = "That is a happy person"
TEXTS = (
    "That is a happy dog.",
    "A robbery at the bank goes wrong.",
    "The soldiers come home from the front.",
    "Two strangers fall in love on a train.",
)
MEANT = {
    "a cheerful puppy": 0,
    "thieves with masks and guns": 1,
    "men return after the war": 2,
    "a romance": 3,
}


def test_the_weights_are_those_of_the_model() -> None:
    """The scores are those on the model's page."""
    first, *others = embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert [float(first @ other) for other in others] == pytest.approx([0.695, 0.943, 0.257], abs=0.005)


def test_texts_in_a_file_are_found_by_their_meaning(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("id,text,n\n" + "".join(f"v{n},{TEXTS[n % 4]},{n}\n" for n in range(40)))
    with DevServer(dimension=384) as server:
        endpoint = Endpoint.of(server.url, server.token)
        report = bulk.upsert(
            file,
            endpoint,
            embed="tests.interop.minilm:embed",
            embed_batch_size=8,
            data_field="text",
            metadata_fields="*",
            progress="none",
        )
        assert (report.done, report.embedded) == (40, 40)
        with VectorClient(endpoint) as client:
            for question, meant in MEANT.items():
                (vector,) = embed([question])
                found = client.query(vector=vector, top_k=10, include_data=True)
                assert [match.data for match in found] == [TEXTS[meant]] * 10, question
