"""Agents of common-ai with a scripted model: what the model is shown, and what it can reach."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.providers.common.ai.hooks.pydantic_ai import PydanticAIHook
from pydantic_ai import models
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from tests.support.airflow_home import ROOT, AirflowHome
from tests.support.dag_runs import DagRun, load_dags
from tests.support.index_fixtures import connection_json

TEXT = "A heist goes wrong."
SEARCH = ("query_data", {"data": "heist"})


class ScriptedModel:
    """A model that makes one scripted tool call in each turn, and then answers with the last result."""

    def __init__(self, *calls: tuple[str, dict[str, Any]]) -> None:
        self.calls = calls
        self.tools: list[Any] = []
        self.messages: list[ModelMessage] = []

    def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.tools, self.messages = info.function_tools, messages
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        if turn < len(self.calls):
            return ModelResponse([ToolCallPart(*self.calls[turn])])
        return ModelResponse([TextPart(str(self.parts(ToolReturnPart)[-1].content))])

    def parts(self, kind: type[Any]) -> list[Any]:
        return [part for message in self.messages for part in message.parts if isinstance(part, kind)]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[DevServer]:
    """An index of movies, with some that the example's filter and namespace exclude; reached read-only."""
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)
    monkeypatch.setenv("AIRFLOW_CONN_PYDANTICAI_DEFAULT", '{"conn_type": "pydanticai"}')
    with DevServer(embedding_model="BGE_M3") as server:
        with VectorClient(Endpoint.of(server.url, server.token)) as client:
            for namespace, released in (("movies", True), ("movies", False), ("secrets", True)):
                names = [f"{namespace}-{released}-{number}" for number in range(8)]
                client.upsert_data(
                    [{"id": id, "data": TEXT, "metadata": {"released": released}} for id in names], namespace
                )
        reader = json.loads(connection_json(server)) | {"password": server.read_only_token}
        monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", json.dumps(reader))
        for customer in ("movies", "secrets"):
            connection = json.dumps(reader | {"extra": {"namespace": customer}})
            monkeypatch.setenv(f"AIRFLOW_CONN_MOVIES_OF_{customer.upper()}", connection)
        yield server


Run = Callable[..., tuple[ScriptedModel, str, list[Any]]]


@pytest.fixture
def run(index: DevServer, airflow_home: AirflowHome, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a DAG with a model that makes the calls; it returns model, state and answers."""

    def run(*calls: tuple[str, dict[str, Any]], file: str = "example_agent.py", conf: Any = None) -> Any:
        model = ScriptedModel(*calls)
        monkeypatch.setattr(PydanticAIHook, "get_conn", lambda _: FunctionModel(model))
        (dag,) = load_dags(airflow_home.dags / file).values()
        done = DagRun(dag, conf)
        xcoms = airflow_home.xcoms(dag.dag_id, done.run_id)
        return model, done.state, [json.loads(json.loads(xcoms[key])) for key in sorted(xcoms)]

    return run


def test_the_model_chooses_the_text_and_nothing_else(run: Run) -> None:
    model, state, (found,) = run(SEARCH)
    assert state == "success"
    (tool,) = model.tools
    assert tool.name == "query_data"
    assert tool.description.startswith("Find the vectors nearest to a text")
    assert tool.parameters_json_schema == {
        "type": "object",
        "properties": {
            "data": {"type": "string", "description": "a text, which the index's embedding model embeds."}
        },
        "required": ["data"],
    }
    assert len(found) == 5
    assert {(match["data"], match["metadata"]["released"]) for match in found} == {(TEXT, True)}
    assert all(match.keys() == {"id", "score", "metadata", "data"} for match in found)
    assert all(match["id"].startswith("movies-") for match in found)


ATTEMPTS: list[tuple[str, dict[str, Any]]] = [
    ("query_data", {"data": "heist", **arguments})
    for arguments in (
        {"namespace": "secrets"},
        {"filter": ""},
        {"filter": None},
        {"top_k": 1_000},
        {"include_vectors": True},
        {"self": None},
        {"upstash_vector_conn_id": "movies_of_secrets"},
    )
]
ATTEMPTS += [("fetch", {"ids": ["secrets-True-1"]}), ("bulk_delete", {"rows": ["movies-True-1"]})]


def test_a_model_that_tries_more_is_refused_before_anything_is_sent(run: Run, index: DevServer) -> None:
    before = index.requests.total()
    model, state, _ = run(*(call for attempt in ATTEMPTS for call in (attempt, SEARCH)))
    assert state == "success"
    returned = model.parts(ToolReturnPart)
    assert [part.tool_name for part in returned if part.outcome == "retried"] == [name for name, _ in ATTEMPTS]
    found = [json.loads(part.content) for part in returned if part.outcome == "success"]
    assert len(found) == len(ATTEMPTS) == index.requests.total() - before
    for matches in found:
        assert len(matches) == 5
        assert {match["id"].rpartition("-")[0] for match in matches} == {"movies-True"}


def test_a_model_that_insists_fails_the_task(run: Run, index: DevServer) -> None:
    before = index.requests.total()
    _, state, answers = run(*ATTEMPTS[:1] * 3)
    assert (state, answers, index.requests.total()) == ("failed", [], before)


@pytest.mark.parametrize("text", ["x' OR released = false", '"}, {"namespace": "secrets', ""])
def test_a_text_that_looks_like_syntax_is_a_text(run: Run, text: str) -> None:
    _, state, (found,) = run(("query_data", {"data": text}))
    assert state == "success"
    assert {match["id"].rpartition("-")[0] for match in found} == {"movies-True"}


def test_a_question_is_not_rendered_as_a_template(run: Run) -> None:
    question = "{{ conn.upstash_vector_default.password }}"
    model, state, _ = run(SEARCH, conf={"question": question})
    assert state == "success"
    (request, *_) = model.messages
    assert request.parts[-1].content == question  # the prompt of the user


def test_transient_errors_are_retried_within_the_call(run: Run, index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=503, times=1))
    _, state, (found,) = run(SEARCH)
    assert (state, len(found), index.requests["query-data"]) == ("success", 5, 2)


def test_each_customer_s_agent_reads_the_namespace_of_its_connection(run: Run, airflow_home: AirflowHome) -> None:
    """The DAG of the how-to."""
    (block,) = re.findall(r"```python\n(from .*?)```", (ROOT / "docs/how-to/agents.md").read_text(), re.DOTALL)
    (airflow_home.dags / "agents.py").write_text(block)
    _, state, answers = run(("query_data", {"data": "heist", "namespace": "secrets"}), SEARCH, file="agents.py")
    assert state == "success"
    namespaces = [{match["id"].partition("-")[0] for match in found} for found in answers]
    assert namespaces == [{"movies"}, {"secrets"}]
