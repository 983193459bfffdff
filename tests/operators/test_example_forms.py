"""The forms of the example DAGs: an emptied field is rejected, or changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.exceptions import ParamValidationError

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT, readme_snippets
from tests.support.dag_runs import load_dags
from tests.support.index_fixtures import connection_json

FORMS = [
    (file, dag_id, name)
    for file in sorted((ROOT / "example_dags").glob("*.py"))
    for dag_id, dag in load_dags(file).items()
    for name in dag.params
]
EMPTY: tuple[Any, ...] = (None, "", [], {})
MAY_BE_EMPTY = {
    "example_trigger_from_ui": {"metadata", "vector", "data", "namespace"},
    "example_upsert_vector": {"metadata", "data", "namespace"},
}
OPTIONAL = {"metadata": {"genre": "western"}, "vector": [0.5, 1], "data": "new", "namespace": "ns"}


def accepted(file: Path, dag_id: str, name: str) -> list[Any]:
    """Return the empty values that a field of a form accepts."""
    param = load_dags(file)[dag_id].params.get_param(name)
    values = []
    for value in EMPTY:
        try:
            param.resolve(value)
        except ParamValidationError:
            continue
        values.append(value)
    return values


@pytest.mark.parametrize(("file", "dag_id", "name"), FORMS, ids=[f"{dag_id}-{name}" for _, dag_id, name in FORMS])
def test_only_optional_fields_may_be_empty(file: Path, dag_id: str, name: str) -> None:
    is_optional = name in MAY_BE_EMPTY.get(dag_id, ())
    assert bool(accepted(file, dag_id, name)) is is_optional


def test_every_example_has_a_description_and_tags() -> None:
    for file in (ROOT / "example_dags").glob("*.py"):
        for dag in load_dags(file).values():
            assert dag.doc_md, dag.dag_id
            assert {"example", "upstash-vector"} <= set(dag.tags), dag.dag_id


def test_no_field_of_the_readme_s_forms_may_be_empty(tmp_path: Path) -> None:
    for number, snippet in enumerate(readme_snippets()):
        file = tmp_path / f"form_{number}.py"
        file.write_text(snippet)
        for dag_id, dag in load_dags(file).items():
            assert [name for name in dag.params if accepted(file, dag_id, name)] == []


@pytest.mark.parametrize("mode", ["PATCH", "OVERWRITE"])
@pytest.mark.parametrize("emptied", [*OPTIONAL])
def test_an_emptied_optional_field_changes_nothing(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, emptied: str, mode: str
) -> None:
    file = ROOT / "example_dags/example_trigger_from_ui.py"
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, namespace="ns"))
    before: dict[str, Any] = {"vector": [3.0, 1.0], "metadata": {"year": 1999}, "data": "old"}
    for value in accepted(file, "example_trigger_from_ui", emptied):
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            client.upsert([{"id": "movie-1", **before}], "ns")
            params = {"id": "movie-1", "metadata_update_mode": mode, **OPTIONAL, emptied: value}
            operator: Any = load_dags(file)["example_trigger_from_ui"].tasks[0]
            operator.render_template_fields({"params": params})
            assert operator.execute({"params": params}) == 1
            fetched = client.fetch(
                ["movie-1"], "ns", include_vectors=True, include_metadata=True, include_data=True
            )
        (vector,) = fetched
        assert vector is not None
        if emptied != "namespace":
            assert getattr(vector, emptied) == before[emptied]
