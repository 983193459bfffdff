"""Which tasks a page lists as those that wrote to the index, and with which counts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
from airflow_provider_upstash_vector.operators import upstash_vector as operators
from tests.plugins.conftest import Visit
from tests.support.airflow_home import AirflowHome
from tests.support.dag_runs import DagRun, load_dags

pytestmark = pytest.mark.needs("index_page")

CONNECTION = "/connections/upstash_vector_default"
DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator

rows = [{"id": "m-1", "data": "new"}, {"id": "m-2", "data": "new"}]
with DAG("nightly_films", schedule=None) as dag:
    BulkUpdateVectorsOperator(task_id="load", rows=rows, namespace="films")
"""
READING = {"CheckVectors", "ExportVectors", "FetchVectors", "ListNamespaces", "QueryVectors"}


@pytest.fixture(scope="module")
def run(airflow_home: AirflowHome, connections: None) -> DagRun:
    file = airflow_home.dags / "nightly_films.py"
    file.write_text(DAG_FILE)
    (dag,) = load_dags(file).values()
    return DagRun(dag)


AddTasks = Callable[..., None]


@pytest.fixture
def add_tasks(run: DagRun) -> Any:
    """Add later mapped tasks to the run: copies of its task with other operators, rendered fields and results."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import delete, insert, select, text

    tables = [model.__table__ for model in (TaskInstance, RenderedTaskInstanceFields, XComModel)]
    added = 0

    def add(tasks: list[dict[str, Any]]) -> None:
        nonlocal added
        with create_session() as session:
            for table in tables:
                query = select(table).where(table.c.run_id == run.run_id, table.c.map_index == -1)
                (row, *_) = session.execute(
                    query.where(table.c.key == "return_value") if "key" in table.c else query
                )
                rows = []
                for number, task in enumerate(tasks, added):
                    copy = {**row._mapping, "map_index": number}
                    if "id" in copy:
                        operator = task.get("operator", row.operator)
                        later = copy["start_date"] + timedelta(seconds=number + 1)
                        copy |= {"id": type(row.id)(str(uuid.uuid4())), "operator": operator, "start_date": later}
                        copy["custom_operator_name"] = operator  # as Airflow stores it
                    if "rendered_fields" in copy:
                        copy["rendered_fields"] = {**copy["rendered_fields"], **task.get("fields", {})}
                    if "value" in copy:
                        copy["value"] = task.get("result")
                    rows.append(copy)
                session.execute(insert(table), rows)
            # of a class that this process does not have
            session.execute(text("UPDATE task_instance SET executor_config = 'unknown' WHERE map_index >= 0"))
        added += len(tasks)

    yield add
    with create_session() as session:
        for table in reversed(tables):
            session.execute(delete(table).where(table.c.run_id == run.run_id, table.c.map_index >= 0))


def written(html: str) -> list[str]:
    """Return operators and results of the listed tasks that wrote to films: other tests have written elsewhere."""
    rows = re.findall(r"<small>(\w+)</small></th>(.*?)</tr>", html, re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", f"{operator} {row}").split()) for operator, row in rows]
    return [text.partition(" films ")[0] for text in texts if " films " in text]


def test_runs_that_wrote_are_those_of_dags_that_a_person_may_read(
    visit: Visit, run: DagRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    page: Any = visit("ADMIN", CONNECTION).text
    assert written(page) == ["BulkUpdateVectorsOperator success 1 updated 1 missing"]
    assert f'href="/airflow/dags/nightly_films/runs/{run.run_id.replace(":", "%3A").replace("+", "%2B")}' in page
    assert "nightly_films" not in visit("ADMIN", "/connections/stored").text
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    of_dag = type(manager).is_authorized_dag

    def without(name: str) -> Callable[..., bool]:
        def is_authorized_dag(*_: Any, **options: Any) -> bool:
            entity = options.get("access_entity")
            return str(getattr(entity, "value", entity)) != name and of_dag(manager, **options)

        return is_authorized_dag

    monkeypatch.setattr(manager, "is_authorized_dag", without("XCOM"))
    assert written(visit("ADMIN", CONNECTION).text) == ["BulkUpdateVectorsOperator success \u2013"]
    monkeypatch.setattr(manager, "is_authorized_dag", without("TASK_INSTANCE"))
    assert "nightly_films" not in visit("ADMIN", CONNECTION).text
    monkeypatch.undo()
    monkeypatch.setattr(manager, "get_authorized_dag_ids", lambda **_: {"another"})
    assert "nightly_films" not in visit("ADMIN", CONNECTION).text


def test_thousands_of_later_tasks_of_other_connections_hide_none(visit: Visit, add_tasks: AddTasks) -> None:
    add_tasks([{"fields": {"upstash_vector_conn_id": "another", "namespace": "upstash_vector_default"}}] * 1_200)
    assert written(visit("ADMIN", CONNECTION).text) == ["BulkUpdateVectorsOperator success 1 updated 1 missing"]
    add_tasks([{"result": 7}] * 30)
    assert written(visit("ADMIN", CONNECTION).text) == ["BulkUpdateVectorsOperator success 7 written"] * 20


def test_operators_that_write_are_listed(visit: Visit, add_tasks: AddTasks) -> None:
    add_tasks([{"operator": name, "result": 2} for name in operators.__all__])
    listed = {text.partition(" ")[0].removesuffix("Operator") for text in written(visit("ADMIN", CONNECTION).text)}
    assert listed == {name.removesuffix("Operator") for name in operators.__all__} - READING


def test_a_copy_is_listed_at_its_target(visit: Visit, add_tasks: AddTasks) -> None:
    places = {
        "source_conn_id": "upstash_vector_default",
        "target_conn_id": "stored",
        "upstash_vector_conn_id": None,
    }
    add_tasks([{"operator": "CopyVectorsOperator", "fields": {**places, "target_namespace": "staging"}}])
    assert "CopyVectorsOperator" in visit("ADMIN", "/connections/stored").text
    assert "CopyVectorsOperator" not in visit("ADMIN", CONNECTION).text


def test_results(visit: Visit, add_tasks: AddTasks) -> None:
    fields = {"rows", "duplicates", "scope"}  # of a sync, not outcomes
    report = SyncReport(mode="apply", namespace="films").to_dict()
    outcomes = [name for name, value in report.items() if type(value) is int and name not in fields]
    sync = dict(zip(outcomes, range(1, 20), strict=False))
    of_sync = " ".join(f"{n} {name.replace('_', ' ')}" for name, n in sync.items())
    results: list[tuple[str, Any, str]] = [
        ("SyncVectorsOperator", {**report, **sync}, of_sync),
        ("SyncVectorsOperator", {"mode": "plan", "added": 3}, "nothing written 3 added"),
        ("BulkDeleteVectorsOperator", {"dry_run": True, "not_attempted": 3}, "nothing written 3 not attempted"),
        ("DeleteVectorsOperator", 5, "5 deleted"),
        ("DeleteNamespaceOperator", True, "\u2013"),
        ("UpsertVectorOperator", 1, "1 written"),
        ("ResetNamespaceOperator", ["a", "b"], "\u2013"),
        ("UpsertVectorOperator", "s3://bucket/xcom", "\u2013"),
    ]  # fmt: skip
    add_tasks([{"operator": operator, "result": result} for operator, result, _ in results])
    page = written(visit("ADMIN", CONNECTION).text)[: len(results)]
    assert page == [f"{operator} success {text}" for operator, _, text in reversed(results)]
