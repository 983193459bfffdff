"""Text of upstream tasks that looks like templates, by every way in which a task can be given it.

Each task writes to the namespace of its own name; ``expected`` is what the index holds then, data by id by
namespace. Templates of the DAG itself, which stand beside the text, are rendered: ``ANSWER`` becomes 42.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task, task_group

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor

_SECRET, _BLOCK = "{{ conn.upstash_vector_default.password }}", "{% for i in (1, 2) %}{{ i }}{% endfor %}"
TEXT = f"{{{{ 7 * 6 }}}} {_SECRET} {_BLOCK} {{{{ 1 % 0 }}}}"
ANSWER = "{{ 40 + 2 }}"
FOLDER = os.environ.get("UPSTREAM_TEXT_FOLDER", "")
MANY = 120  # rows of one list, more than are rendered

_WITH_TEXT = (
    "zipped",
    "kwargs",
    "group",
    "paths",
    "rows",
    "called",
    "called_kwargs",
    "called_rows",
    "alone",
    "path",
)
expected: dict[str, dict[str, str]] = {
    TEXT: {TEXT: TEXT},
    **{namespace: {"0": TEXT} for namespace in _WITH_TEXT},
    **{namespace: {"0": "42"} for namespace in ("literal", "literal_kwargs")},
}


def write_files(folder: Path) -> None:
    """Write the files whose paths are such text."""
    for name in ("paths", "path"):
        (folder / f"{name} {TEXT}.jsonl").write_text(json.dumps({**_row(TEXT), "namespace": name}))


@task
def texts() -> list[str]:
    return [TEXT]


@task
def text() -> str:
    return TEXT


@task
def one_path() -> str:
    return f"{FOLDER}/path {TEXT}.jsonl"


@task
def changes() -> list[dict[str, Any]]:
    return [_change(TEXT)]


@task.upstash_vector_update(namespace="{{ 'called' }}", on_missing="fail")
def called(pair: tuple[str, str], answer: str) -> dict[str, Any]:
    assert str(answer) == "42"
    return _row(pair[1])


@task.upstash_vector_update(namespace="{{ 'called_kwargs' }}", on_missing="fail")
def called_kwargs(text: str, answer: str) -> dict[str, Any]:
    assert str(answer) == "42"
    return _row(text)


@task.upstash_vector_bulk_update(namespace="{{ 'called_rows' }}", on_missing="fail")
def called_rows(text: str) -> Iterator[dict[str, Any]]:
    yield _row(text)


@task_group
def group(text: str) -> None:
    UpdateVectorOperator(task_id="t", namespace="group", vector_id="0", data=text, metadata={"note": text})


def _row(text: str) -> dict[str, Any]:
    return {"id": "0", "data": text, "metadata": {"note": text}}


def _change(text: str) -> dict[str, Any]:
    return {"vector_id": "0", "data": text, "metadata": {"note": text}}


def _update(name: str, **arguments: Any) -> Any:
    namespace = f"{{{{ '{name}' }}}}"
    return UpdateVectorOperator.partial(task_id=name, namespace=namespace, on_missing="fail", **arguments)


def _bulk(name: str) -> Any:
    return BulkUpdateVectorsOperator.partial(task_id=name, namespace=f"{{{{ '{name}' }}}}", on_missing="fail")


def _mapped() -> None:
    found = texts()
    # deferred: dag.test() of Airflow 2 renders it a second time
    fields = UpdateVectorOperator.partial(
        task_id="fields", on_missing="fail", wait_until_indexed=True, deferrable=True, poke_interval=1
    ).expand(
        vector_id=found,
        namespace=found,
        data=found,
        metadata=found.map(lambda text: json.dumps({"note": text})),
    )
    sensor = UpstashVectorIndexReadySensor.partial(task_id="sensor", poke_interval=1, timeout=20)
    fields >> sensor.expand(vector_id=found, namespace=found, metadata=found.map(lambda text: {"note": text}))
    _update("zipped").expand_kwargs(found.zip(found).map(lambda pair: _change(pair[1])))
    _update("kwargs").expand_kwargs(changes())
    group.expand(text=found)
    _bulk("paths").expand(rows=found.map(lambda text: f"{FOLDER}/paths {text}.jsonl"))
    _bulk("rows").expand(rows=found.map(lambda text: [_row(text)] * MANY))
    called.partial(answer=ANSWER).expand(pair=found.zip(found))
    called_kwargs.partial(answer=ANSWER).expand_kwargs(found.map(lambda text: {"text": text}))
    called_rows.expand(text=found.concat(found))


def _not_mapped() -> None:
    found: Any = text()
    UpdateVectorOperator(task_id="alone", namespace="alone", vector_id="0", data=found, metadata={"note": found})
    BulkUpdateVectorsOperator(task_id="path", rows=one_path(), on_missing="fail")


def _written_in_the_dag() -> None:
    _update("literal", vector_id="0").expand(data=[ANSWER])
    _update("literal_kwargs").expand_kwargs([_change(ANSWER)])


def _upstream_text(dag_id: str, *, native: bool) -> DAG:
    defaults = {"upstash_vector_conn_id": "{{ 'upstash_vector' ~ '_default' }}"}
    with DAG(dag_id, schedule=None, render_template_as_native_obj=native, default_args=defaults) as made:
        _mapped()
        _not_mapped()
        _written_in_the_dag()
    return made


plain = _upstream_text("upstream_text_plain", native=False)
native = _upstream_text("upstream_text_native", native=True)
