"""The operators that query and fetch: results, filters, templates, empty results, errors, what they report."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import re
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.client import Endpoint, Field, VectorClient
from airflow_provider_upstash_vector.client.errors import InvalidRequest
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import FetchVectorsOperator, QueryVectorsOperator
from tests.support.harness import context, task_instance
from tests.support.index_fixtures import connection_json
from tests.support.stored_fields import serialized, stored_fields

GENRE, YEAR = Field("genre"), Field("year")
HOSTILE = "1 OR 1=1"


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    """Four movies in two namespaces; ``{{`` in a value is not a template."""
    genres = ["drama", "drama", "it's", HOSTILE]
    movies: list[dict[str, Any]] = [
        {"id": f"m{n}", "vector": [n, 1], "metadata": {"genre": genre, "year": 1990 + n}, "data": "{{ x }}"}
        for n, genre in enumerate(genres)
    ]
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(movies)
        client.upsert(movies, "ns")
    return server


def executed(kind: Any, params: dict[str, Any] | None = None, *, native: bool = False, **arguments: Any) -> Any:
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = kind(task_id="t", **arguments)
    task_context = {**context(params), "ti": task_instance()}
    copied = operator.prepare_for_execution()
    copied.render_template_fields(task_context)
    return copied.execute(task_context)


def found(filter: Any, params: dict[str, Any] | None = None, **arguments: Any) -> list[str]:
    results = executed(QueryVectorsOperator, params, vector=[1, 1], filter=filter, **arguments)
    return sorted(result["id"] for result in results)


def test_results_are_small_plain_json(index: DevServer) -> None:
    results = executed(QueryVectorsOperator, vector=[3, 1], top_k="{{ params.k }}", params={"k": 2})
    assert [result.keys() for result in results] == [{"id", "score"}] * 2
    assert [result["id"] for result in results] == ["m3", "m2"]
    assert json.loads(json.dumps(results)) == results
    arguments: dict[str, Any] = {
        "include_vectors": True,
        "include_metadata": True,
        "include_data": True,
        "namespace": "ns",
    }
    (best,) = executed(QueryVectorsOperator, vector="{{ params.v }}", params={"v": [0, 1]}, top_k=1, **arguments)
    assert best.pop("score") == pytest.approx(1.0)
    movie = {"id": "m0", "vector": [0, 1], "metadata": {"genre": "drama", "year": 1990}, "data": "{{ x }}"}
    assert best == movie
    assert executed(FetchVectorsOperator, ids=["m0", "no"], **arguments) == [movie, None]
    ids = {"ids": ["m1", "m0"]}
    for value, params in (("{{ params.ids }}", ids), ("m1", None), (["{{ params.ids[0] }}"], ids)):
        assert executed(FetchVectorsOperator, params, ids=value)[0] == {"id": "m1"}
    assert executed(FetchVectorsOperator, ids=[]) == []
    assert len(executed(FetchVectorsOperator, prefix="{{ params.p }}", params={"p": "m"})) == 4


@pytest.mark.parametrize("native", [False, True])
def test_templates_of_a_filter_are_values(native: bool) -> None:
    params = {"genre": "it's", "hostile": HOSTILE, "year": "1991", "number": 1992, "text": "drama"}
    for filter, ids in (
        (GENRE == "{{ params.genre }}", ["m2"]),
        (GENRE == "{{ params['hostile'] }}", ["m3"]),
        (GENRE.isin(["{{ params.hostile }}", '{{ params["genre"] }}']), ["m2", "m3"]),
        (GENRE.glob("{{ params.text[:2] }}*"), ["m0", "m1"]),
        ((YEAR >= "{{ params.year }}") & (YEAR < "{{ params.number + 1 }}"), ["m1", "m2"]),
        ((GENRE == "{{ params[\"text\"] or 'x' }}") & (YEAR > 1990), ["m1"]),
        ("genre = 'drama' AND year > 1990", ["m1"]),
        (None, ["m0", "m1", "m2", "m3"]),
        ("", ["m0", "m1", "m2", "m3"]),
    ):
        assert found(filter, params, native=native) == ids, filter


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        (YEAR >= "{{ params.hostile }}", "an order comparison needs a number, got the text '1 OR 1=1'"),
        (GENRE == "{{ params.quotes }}", "must not contain both ' and \""),
        (GENRE == "{{ params.none }}", "must be text, a finite number or a boolean, got NoneType"),
        ("genre = 'drama' AND", "400 Invalid filter. At line 1:19"),
    ],
)
def test_a_value_that_is_not_possible_fails_the_task(index: DevServer, filter: Any, message: str) -> None:
    with pytest.raises(AirflowFailException) as caught:
        found(filter, {"hostile": HOSTILE, "quotes": "'\"", "none": None})
    assert message in str(caught.value)
    assert index.requests["query"] == ("400" in message)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (QueryVectorsOperator, {}, "set either data, or vector, sparse_vector or both"),
        (QueryVectorsOperator, {"data": "x", "filter": "year > {{ params.y }}"}, "a template in its text could"),
        (QueryVectorsOperator, {"data": "x", "filter": 5}, "must be text or a Filter, got int"),
        (
            QueryVectorsOperator,
            {"data": "x", "top_k": 0},
            "top_k: must be a whole number from 1",
        ),
        (
            QueryVectorsOperator,
            {"data": "x", "top_k": "many"},
            "top_k: must be a whole number, got",
        ),
        (QueryVectorsOperator, {"data": "x", "include_data": "yes"}, "include_data: must be true or false"),
        (QueryVectorsOperator, {"data": "x", "on_empty": "warn"}, "on_empty must be ignore, fail or skip"),
        (
            QueryVectorsOperator,
            {"data": "x", "query_mode": "BOTH"},
            "must be HYBRID or DENSE or SPARSE",
        ),
        (FetchVectorsOperator, {}, "set exactly one of ids and prefix"),
        (FetchVectorsOperator, {"ids": ["a"], "prefix": "a"}, "set exactly one of ids and prefix"),
        (FetchVectorsOperator, {"ids": "a", "on_missing": "warn"}, "on_missing must be ignore, fail or skip"),
    ],
)
def test_what_is_literal_is_checked_when_the_dag_is_parsed(kind: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(task_id="t", **arguments)


def test_a_template_in_the_text_of_a_filter_is_refused_in_mapped_tasks_too(index: DevServer) -> None:
    text = "year > {{ params.y }}"
    with DAG("d", schedule=None, user_defined_macros={"x": 1}):
        partial: Any = QueryVectorsOperator.partial(task_id="a", filter=text)
        with pytest.raises(ValueError, match=r'Write an expression, .*Field\("genre"\) == "{{ params.genre }}"'):
            partial.expand(data=["x"])
    # with marks of its own, which are not known when the DAG is parsed
    with DAG("e", schedule=None, jinja_environment_kwargs={"variable_start_string": "<<"}):
        operator = QueryVectorsOperator(task_id="t", vector=[1, 1], filter="year > << params.y }}")
    with pytest.raises(AirflowFailException, match="a template in its text could change what it means"):
        operator.render_template_fields(context({"y": 1}))
    assert index.requests["query"] == 0


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (QueryVectorsOperator, {"vector": [1], "data": "x"}, "set either data, or vector"),
        (QueryVectorsOperator, {"vector": "{{ none }}"}, "set either data, or vector"),
        (QueryVectorsOperator, {"vector": [1, 2, 3]}, "422 Invalid vector dimension: 3, expected: 2"),
        (
            QueryVectorsOperator,
            {"vector": "0.1;0.2"},
            "vector: must be a list of numbers, e.g. [",
        ),
        (QueryVectorsOperator, {"vector": [1, 1], "top_k": "{{ 5000 }}"}, "top_k: must be a whole number from 1"),
        (QueryVectorsOperator, {"data": "x"}, "422 Embedding data for this index is not allowed"),
        (FetchVectorsOperator, {"ids": {"a": 1}}, "ids: must be an id or a list of ids, got dict {'a': 1}"),
        (FetchVectorsOperator, {"ids": ["a", ""]}, "ids: must not be empty"),
        (FetchVectorsOperator, {"ids": "['a' 'b']"}, "ids: must be an id or a list of ids, got the text"),
        (FetchVectorsOperator, {"ids": "{{ none }}", "prefix": "{{ none }}"}, "set exactly one of ids and prefix"),
        (FetchVectorsOperator, {"prefix": ""}, "prefix: must not be empty"),
    ],
)
def test_bad_and_empty_input_fails_with_a_sentence(
    index: DevServer, kind: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException) as caught:
        executed(kind, {}, **arguments)
    assert message in str(caught.value)
    requests = sum(index.requests[command] for command in ("query", "query-data", "fetch"))
    assert requests == message.startswith("422")


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (
            QueryVectorsOperator,
            {"vector": [1, 1], "namespace": "unknown"},
            "No vector was found in namespace 'unknown': it may not exist",
        ),
        (QueryVectorsOperator, {"vector": [1, 1], "filter": YEAR > 3000}, "No vector was found in the default"),
        (
            FetchVectorsOperator,
            {"ids": ["m0", "x1", 2], "namespace": "ns"},
            "There are no vectors for 2 of 3 ids in namespace 'ns': 'x1', '2'.",
        ),
        (
            FetchVectorsOperator,
            {"ids": "m0", "namespace": "unknown"},
            "1 of 1 id in namespace 'unknown': 'm0'.",
        ),
        (FetchVectorsOperator, {"prefix": "x"}, "There is no vector whose id starts with 'x' in the default"),
    ],
)
def test_nothing_found_is_ignored_fails_or_skips(kind: Any, arguments: dict[str, Any], message: str) -> None:
    option = "on_empty" if kind is QueryVectorsOperator else "on_missing"
    result = executed(kind, **arguments)
    assert result in ([], [{"id": "m0"}, None, None], [None])
    for mode, error in (("fail", AirflowFailException), ("skip", AirflowSkipException)):
        with pytest.raises(error) as caught:
            executed(kind, **{**arguments, option: mode})
        assert message in str(caught.value)


def test_fewer_results_with_a_filter_may_be_due_to_its_budget(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    found(YEAR >= 1992, top_k=10)
    log = caplog.text + capsys.readouterr().out
    assert "2 vectors found in the default namespace, fewer than top_k=10: no more match the filter, or" in log
    assert "budget for filtering was used up before: year >= 1992" in log
    caplog.clear()
    found(None, top_k=10)
    found(YEAR >= 1992, top_k=2)
    assert "budget" not in caplog.text + capsys.readouterr().out


def test_a_filter_is_stored_shown_copied_and_mapped_as_it_is() -> None:
    template = (YEAR >= "{{ params.year }}") & (GENRE == "drama")
    with DAG("d", schedule=None) as dag:
        operator = QueryVectorsOperator(task_id="t", vector=[1, 1], filter=template)
        QueryVectorsOperator.partial(task_id="partial", filter=template).expand(vector=[[1, 1], [2, 1]])
        QueryVectorsOperator.partial(task_id="expand", vector=[1, 1]).expand(filter=[template, "year > 1"])
        QueryVectorsOperator.partial(task_id="listed").expand_kwargs([{"filter": template, "vector": [1, 1]}])
    assert serialized(dag).count("year >= {{ params.year }} AND genre = 'drama'") == 4
    task_context = context({"year": 1991})
    for twin in (operator, copy.deepcopy(operator), pickle.loads(pickle.dumps(operator))):  # noqa: S301 - our own
        assert stored_fields(twin)["filter"] == "year >= {{ params.year }} AND genre = 'drama'"
        twin.render_template_fields(task_context)
        assert stored_fields(twin)["filter"] == "year >= 1991 AND genre = 'drama'"
        assert [vector["id"] for vector in twin.execute(task_context)] == ["m1"]  # type: ignore[index]  # no None


@pytest.mark.needs("openlineage")
def test_openlineage_gets_the_datasets_that_were_read(index: DevServer) -> None:
    index_uri = index.url.replace("http://", "upstash-vector://")
    for namespace, datasets in (("a/b", [(index_uri, "a%2Fb")]), ("ä" * 250, [])):
        with DAG("d", schedule=None):
            operator = FetchVectorsOperator(task_id="t", ids="m0", namespace=namespace)
        assert operator.get_openlineage_facets_on_complete(None) is None
        operator.execute(context({}))
        lineage = operator.get_openlineage_facets_on_complete(None)
        inputs, outputs = (lineage.inputs, lineage.outputs) if lineage else ([], [])
        assert [(dataset.namespace, dataset.name) for dataset in inputs] == datasets
        assert outputs == []


def test_a_read_only_token_is_enough(monkeypatch: pytest.MonkeyPatch, index: DevServer) -> None:
    fields = {**json.loads(connection_json(index)), "password": index.read_only_token}
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", json.dumps(fields))
    assert found(None) == ["m0", "m1", "m2", "m3"]
    assert executed(FetchVectorsOperator, ids="m0") == [{"id": "m0"}]


def test_a_fault_that_may_pass_is_left_to_the_tasks_retries(
    index: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(index, max_attempts=1))
    index.faults.add(Fault(kind="status", status=503))
    with pytest.raises(Exception, match="503") as caught:
        executed(FetchVectorsOperator, ids="m0")
    assert not isinstance(caught.value, AirflowFailException)
    index.faults.clear()


def test_a_mapped_task_must_not_query_without_the_filter() -> None:
    with DAG("d", schedule=None):
        mapped: Any = QueryVectorsOperator.partial(task_id="t", data="x").expand(filter=[None])
    with pytest.raises(InvalidRequest, match="filter: is None"):
        mapped.unmap({"filter": None})


@pytest.mark.parametrize("value", [None, ""])
def test_a_filter_from_another_task_must_have_a_value(
    index: DevServer, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    with DAG("d", schedule=None):
        filter = QueryVectorsOperator(task_id="upstream", data="a").output
        monkeypatch.setattr(type(filter), "resolve", lambda *_, **__: value)
        operator = QueryVectorsOperator(task_id="t", vector=[1, 1], filter=filter).prepare_for_execution()
    task_context: Any = {**context({}), "ti": task_instance()}
    operator.render_template_fields(task_context)
    with pytest.raises(AirflowFailException, match="filter: was given, but is empty"):
        operator.execute(task_context)
    assert not index.requests["query"]
