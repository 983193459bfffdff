"""Values that other tasks returned are never rendered; those written in the DAG are."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, TaskGroup

from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.operators.base.display import unwrap
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    CheckVectorsOperator,
    CopyVectorsOperator,
    DeleteVectorsOperator,
    ExportVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorOperator,
    UpdateVectorsWhereOperator,
)
from tests.support.odd_dag import DECORATORS, OPERATORS, OTHERS, READERS, REQUIRED, templated_arguments

TEXTS = ["{{ 7 * 6 }}", "a {% if 1 %}b{% endif %}", "{# c #}", "{{ nothing }}", "{{ 1 "]
ANSWER = "{{ 40 + 2 }}"
# a template in the text of a filter is refused wherever it comes from, see test_reading.py; `where` is no text
FIELDS = [
    (operator, name)
    for operator in OPERATORS
    for name in templated_arguments(operator)
    if name not in {"filter", "where"}
]


@pytest.fixture(params=[False, True], ids=["plain", "native"])
def dag(request: pytest.FixtureRequest) -> Any:
    with DAG("d", schedule=None, render_template_as_native_obj=request.param) as dag:
        yield dag


@pytest.fixture
def returned(dag: DAG, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes an XComArg with a given value."""
    reference = UpdateVectorOperator(task_id="upstream", vector_id="a").output

    def returning(value: object) -> Any:
        monkeypatch.setattr(type(reference), "resolve", lambda *_, **__: value)
        return reference

    return returning


def mapped_instance(task: Any, values: Mapping[str, Any], *, seen: bool) -> Any:
    """Render the first instance of a mapped task as Airflow does; ``seen``: it marks the values as a task's."""
    decorated = "op_kwargs" in task.partial_kwargs
    operator = task.unmap({"op_kwargs": values} if decorated else values)
    operator._do_render_template_fields(
        parent=operator,
        template_fields=task.template_fields,
        context={"ti": SimpleNamespace(map_index=0), "params": {}},
        jinja_env=task.get_template_env(),
        seen_oids={id(value) for value in values.values()} if seen else set(),
    )
    return operator


def required(operator: type[BaseOperator], field: str) -> dict[str, Any]:
    """Return the other required arguments of an operator."""
    name = REQUIRED.get(operator, "vector_id")
    instead = operator in READERS and field in {"prefix", "vector", "sparse_vector"}
    others = {} if field == name or instead else {name: "a"}
    return {**others, **OTHERS.get(operator, {})}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("operator", "field"), FIELDS)
def test_no_field_renders_the_result_of_a_task(
    dag: DAG, returned: Any, operator: Any, field: str, text: str
) -> None:
    others = required(operator, field)
    single = operator(task_id="single", **{field: returned(text)}, **others)
    single.render_template_fields({"params": {}})
    expanded = operator.partial(task_id="expanded", **others).expand(**{field: returned([text])})
    by_kwargs = operator.partial(task_id="kwargs", **others).expand_kwargs(returned([{field: text}]))
    listed = operator.partial(task_id="listed", **others).expand_kwargs([returned({field: text})])
    for rendered in (
        single,
        mapped_instance(expanded, {field: text}, seen=True),
        mapped_instance(by_kwargs, {field: text}, seen=False),
        mapped_instance(listed, {field: text}, seen=False),
    ):
        attribute = "_dry_run" if field == "dry_run" else field
        assert getattr(rendered, attribute) == text
        rendered.render_template_fields({"params": {}})
        assert getattr(rendered, attribute) == text
    other = {ExportVectorsOperator: "prefix", CheckVectorsOperator: "baseline"}.get(operator, "namespace")
    mapped = other if field == "upstash_vector_conn_id" else "upstash_vector_conn_id"
    by_partial = operator.partial(task_id="partial", **others, **{field: returned(text)}).expand(**{mapped: ["a"]})
    for task in (single, expanded, by_kwargs, listed, by_partial):
        assert task.upstream_task_ids == {"upstream"}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("decorator", DECORATORS)
def test_functions_get_the_result_of_a_task_unrendered(dag: DAG, returned: Any, decorator: Any, text: str) -> None:
    @decorator  # type: ignore[untyped-decorator]
    def function(text: Any, other: Any = None) -> Any: ...

    expanded = function.partial(other=ANSWER).expand(text=returned([text])).operator
    by_kwargs = function.partial(other=ANSWER).expand_kwargs(returned([{"text": text}])).operator
    for task, seen in ((expanded, True), (by_kwargs, False)):
        rendered = mapped_instance(task, {"text": text}, seen=seen)
        assert rendered.op_kwargs["text"] == text
        assert str(rendered.op_kwargs["other"]) == "42"


@pytest.mark.usefixtures("dag")
@pytest.mark.parametrize("value", [{"a": TEXTS}, TEXTS, [[TEXTS]], tuple(TEXTS)])
def test_texts_within_the_result_of_a_task(returned: Any, value: Any) -> None:
    within: Any = UpdateVectorOperator(
        task_id="within", vector_id="a", metadata={"v": returned(value), "n": ANSWER}
    )
    within.render_template_fields({"params": {}})
    assert within.metadata["v"] == value
    assert str(within.metadata["n"]) == "42"
    task = UpdateVectorOperator.partial(task_id="kwargs", vector_id="a").expand_kwargs(returned([{}]))
    assert mapped_instance(task, {"metadata": value}, seen=False).metadata == value


@pytest.mark.usefixtures("dag")
@pytest.mark.parametrize("rows", [[TEXTS[0]], [{"id": "a", "data": TEXTS[0]}], [{"data": TEXTS[0]}] * 200])
def test_rows_that_a_task_returned(returned: Any, rows: Any) -> None:
    task = BulkUpdateVectorsOperator.partial(task_id="rows").expand(rows=returned([rows]))
    assert unwrap(mapped_instance(task, {"rows": rows}, seen=True).rows) == rows


@pytest.mark.usefixtures("dag")
def test_values_written_in_the_dag_are_rendered_beside_it(returned: Any) -> None:
    defaults: Any = {"data": ANSWER}
    with TaskGroup("outer", default_args=defaults), TaskGroup("inner"):
        partial = UpdateVectorOperator.partial(task_id="t", namespace=ANSWER, vector_id=ANSWER)
        task = partial.expand_kwargs(returned([{"metadata": {"note": TEXTS[0]}}]))
    rendered = mapped_instance(task, {"metadata": {"note": TEXTS[0]}}, seen=False)
    assert [str(value) for value in (rendered.vector_id, rendered.namespace, rendered.data)] == ["42"] * 3
    assert rendered.metadata == {"note": TEXTS[0]}


@pytest.mark.usefixtures("dag")
def test_mappings_written_in_the_dag_are_rendered() -> None:
    partial = UpdateVectorOperator.partial(task_id="t", vector_id="a")
    literal = partial.expand_kwargs([{"data": ANSWER}])
    assert str(mapped_instance(literal, {"data": ANSWER}, seen=False).data) == "42"


@pytest.mark.usefixtures("dag")
@pytest.mark.parametrize(
    ("operator", "field", "arguments"),
    [
        (DeleteVectorsOperator, "filter", {"max_delete": 5}),
        (DeleteVectorsOperator, "filter", {"max_delete": None}),
        (QueryVectorsOperator, "filter", {"data": "x"}),
        (CopyVectorsOperator, "filter", {"target_namespace": "b", "if_not_empty": "merge"}),
        (UpdateVectorsWhereOperator, "where", {"metadata": {"a": 2}}),
    ],
)
def test_a_mapped_task_has_the_filter_of_its_dag(operator: Any, field: str, arguments: dict[str, Any]) -> None:
    task = operator.partial(task_id="t", **{field: Field("a") == f"x{ANSWER}"}, **arguments).expand(
        namespace=["n"]
    )
    rendered = mapped_instance(task, {"namespace": "n"}, seen=False)
    assert str(unwrap(getattr(rendered, field))) == "a = 'x42'"
