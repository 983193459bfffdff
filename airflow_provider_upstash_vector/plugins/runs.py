"""The last tasks that wrote to an index, from Airflow's database, with the counts of their manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import and_, or_, select

from airflow_provider_upstash_vector.index_page.reader import TaskRun
from airflow_provider_upstash_vector.operators import upstash_vector as operators
from airflow_provider_upstash_vector.plugins.access import Access
from airflow_provider_upstash_vector.provider_info import PROVIDER_INFO

MAX_RUNS = 20
MAX_DAYS = 7
_MAX_SCANNED = 1_000

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
    "updated", "upserted", "deleted", "unchanged", "missing", "rejected", "failed", "not_attempted"
)  # fmt: skip
_KEY = ("dag_id", "task_id", "run_id", "map_index")


def recent_runs(connection_id: str, access: Access, airflow_path: str) -> list[TaskRun]:
    """Return the last tasks that wrote over a connection, of DAGs that the person may read; the newest first.

    ``airflow_path`` is the path of Airflow's UI. The connection of a task is one of its rendered fields, which
    Airflow keeps for the last runs of each task.
    """
    dag_ids = access.dag_ids()
    if not dag_ids:
        return []
    runs: list[TaskRun] = []
    with create_session() as session:
        for task, fields, value in _rows(session, dag_ids):
            names = _texts(fields)
            if connection_id not in (names.get("upstash_vector_conn_id"), names.get("target_conn_id")):
                continue
            if not access.may_read_tasks(task.dag_id):
                continue
            counts = _counts(value) if access.may_read_xcoms(task.dag_id) else {}
            runs.append(_run(task, names, counts, airflow_path))
            if len(runs) == MAX_RUNS:
                break
    return runs


def _rows(session: Any, dag_ids: set[str]) -> Iterator[tuple[Any, Any, Any]]:
    def same_task(model: Any) -> Any:
        return and_(*(getattr(model, name) == getattr(TaskInstance, name) for name in _KEY))

    fields = RenderedTaskInstanceFields
    since = datetime.now(timezone.utc) - timedelta(days=MAX_DAYS)  # run_after has an index, start_date has none
    query = (
        select(TaskInstance, fields.rendered_fields, XComModel.value)
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .join(fields, same_task(fields))
        .outerjoin(XComModel, and_(same_task(XComModel), XComModel.key == "return_value"))
        .where(DagRun.run_after >= since)
        .where(or_(TaskInstance.operator.in_(_WRITING), TaskInstance.custom_operator_name.in_(_DECORATORS)))
        .order_by(TaskInstance.start_date.desc())
        .limit(_MAX_SCANNED)
    )
    for row in session.execute(query):
        if row[0].dag_id in dag_ids:
            yield row[0], row[1], row[2]


def _run(task: Any, names: Mapping[str, str], counts: Mapping[str, int], airflow_path: str) -> TaskRun:
    parts = [quote(part, safe="") for part in (task.dag_id, task.run_id, task.task_id)]
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
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
        url="{}/dags/{}/runs/{}/tasks/{}{}".format(airflow_path, *parts, mapped),
    )


def _texts(fields: Any) -> dict[str, str]:
    """Return the rendered fields that are texts."""
    items = fields.items() if isinstance(fields, Mapping) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def _counts(value: Any) -> dict[str, int]:
    """Return the counts of a manifest that are not zero; of other results, a number of vectors."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:  # an XCom backend stores a path
            return {}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"written": value}
    manifest = value if isinstance(value, Mapping) else {}
    counts = {name: manifest.get(name) for name in _COUNTS}
    return {name: count for name, count in counts.items() if isinstance(count, int) and count}
