"""The last tasks that wrote to an index, from Airflow's database, with the counts of their manifests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import JSON, and_, func, or_, select, type_coerce

from airflow_provider_upstash_vector.index_page.reader import TaskRun
from airflow_provider_upstash_vector.operators import upstash_vector as operators
from airflow_provider_upstash_vector.plugins.access import Access
from airflow_provider_upstash_vector.provider_info import PROVIDER_INFO

MAX_RUNS = 20
MAX_DAYS = 7

_READING = {
    "CheckVectorsOperator",
    "ExportVectorsOperator",
    "FetchVectorsOperator",
    "ListNamespacesOperator",
    "QueryVectorsOperator",
}
_WRITING = sorted({*operators.__all__} - _READING)
_DECORATORS = [f"@task.{decorator['name']}" for decorator in PROVIDER_INFO["task-decorators"]]
_COUNTS = (
    "updated", "upserted", "added", "changed", "metadata_only", "adopted", "unchanged", "deleted", "not_in_source",
    "missing", "rejected", "failed", "not_attempted",
)  # fmt: skip
_KEY = ("dag_id", "task_id", "run_id", "map_index")
# no whole task instances: those have a pickle, of classes that the API server may not have
_SHOWN = (*_KEY, "id", "operator", "custom_operator_name", "state", "start_date", "duration")


def recent_runs(connection_id: str, access: Access, airflow_path: str) -> list[TaskRun]:
    """Return the last tasks that wrote over a connection, of DAGs that the person may read; the newest first.

    ``airflow_path`` is the path of Airflow's UI. The connection of a task is one of its rendered fields, which
    Airflow keeps for the last runs of each DAG. A DAG counts if its last run has a task that writes: no index of
    the database finds tasks by operator, and a busy Airflow has millions of them.
    """
    readable = access.dag_ids()
    since = datetime.now(timezone.utc) - timedelta(days=MAX_DAYS)
    with create_session() as session:
        dag_ids = [
            id for id in session.scalars(_writing_dags(since)) if id in readable and access.may_read_tasks(id)
        ]
        found = session.execute(_last_writes(connection_id, dag_ids, since)).all()
        with_results = [task.id for task in found if access.may_read_xcoms(task.dag_id)]
        results = dict(session.execute(_results(with_results)).all())
    return [_run(task, _texts(task.rendered_fields), results.get(task.id), airflow_path) for task in found]


def _writes() -> Any:
    return or_(TaskInstance.operator.in_(_WRITING), TaskInstance.custom_operator_name.in_(_DECORATORS))


def _of_run() -> Any:
    return and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id)


def _of_task(model: Any) -> Any:
    return and_(*(getattr(model, name) == getattr(TaskInstance, name) for name in _KEY))


def _writing_dags(since: datetime) -> Any:
    """Return the query for the ids of DAGs; ``run_after`` has an index, the dates of tasks have none."""
    last_runs = select(func.max(DagRun.id)).where(DagRun.run_after >= since).group_by(DagRun.dag_id)
    tasks = select(TaskInstance.dag_id).join(DagRun, _of_run()).where(DagRun.id.in_(last_runs))
    return tasks.where(_writes()).distinct()


def _last_writes(connection_id: str, dag_ids: list[str], since: datetime) -> Any:
    fields = RenderedTaskInstanceFields
    rendered = type_coerce(fields.rendered_fields, JSON)
    connections = [rendered[name].as_string() for name in ("upstash_vector_conn_id", "target_conn_id")]
    return (
        select(*(getattr(TaskInstance, name) for name in _SHOWN), fields.rendered_fields)
        .join(DagRun, _of_run())
        .join(fields, _of_task(fields))
        .where(fields.dag_id.in_(dag_ids), TaskInstance.dag_id.in_(dag_ids), DagRun.run_after >= since, _writes())
        .where(or_(*(connection == connection_id for connection in connections)))
        .where(TaskInstance.start_date.is_not(None))
        .order_by(TaskInstance.start_date.desc())
        .limit(MAX_RUNS)
    )


def _results(task_ids: list[Any]) -> Any:
    xcoms = select(TaskInstance.id, XComModel.value).join(XComModel, _of_task(XComModel))
    return xcoms.where(TaskInstance.id.in_(task_ids), XComModel.key == "return_value")


def _run(task: Any, names: Mapping[str, str], result: Any, airflow_path: str) -> TaskRun:
    parts = [quote(part, safe="") for part in (task.dag_id, task.run_id, task.task_id)]
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    counts, is_trial = _counts(result, "deleted" if task.operator.startswith("Delete") else "written")
    return TaskRun(
        dag_id=task.dag_id,
        task_id=task.task_id,
        map_index=task.map_index,
        operator=task.custom_operator_name or task.operator,
        state=str(task.state or "none"),
        namespace=names.get("target_namespace", names.get("namespace")),
        started=task.start_date,
        seconds=task.duration,
        counts=counts,
        is_trial=is_trial,
        url="{}/dags/{}/runs/{}/tasks/{}{}".format(airflow_path, *parts, mapped),
    )


def _texts(fields: Any) -> dict[str, str]:
    """Return the rendered fields that are texts."""
    items = fields.items() if isinstance(fields, Mapping) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def _counts(result: Any, outcome: str) -> tuple[dict[str, int], bool]:
    """Return the counts of a manifest that are not zero, and whether nothing was to be written.

    Other results are a number of vectors, whose ``outcome`` is given.
    """
    if isinstance(result, str):
        try:
            result = json.loads(result)
        except ValueError:  # an XCom backend stores a path
            return {}, False
    if isinstance(result, int) and not isinstance(result, bool):
        return {outcome: result}, False
    manifest = result if isinstance(result, Mapping) else {}
    counts = {name: manifest.get(name) for name in _COUNTS}
    is_trial = manifest.get("dry_run") is True or manifest.get("mode") == "plan"
    return {name: count for name, count in counts.items() if isinstance(count, int) and count}, is_trial
