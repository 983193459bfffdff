"""Options of bulk tasks from templates and other tasks, mapped or not, with and without native rendering."""

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
)

PARAMS = {
    "rate": 900.5,
    "concurrency": 8,
    "dry": True,
    "budget": 1_000,
    "seconds": 600,
    "failures": "50%",
    "size": 50,
}
OPTIONS: dict[str, Any] = {
    "max_rows_per_second": "{{ params.rate }}",
    "max_concurrency": "{{ params.concurrency }}",
    "max_failures": "{{ params.failures }}",
    "daily_budget": "{{ params.budget }}",
    "time_limit_seconds": "{{ params.seconds }}",
}
ROWS = [{"id": f"movie-{number}", "vector": [number, 1]} for number in (1, 2)]


def add_tasks() -> None:
    @task
    def is_dry() -> bool:
        return True

    @task.upstash_vector_bulk_upsert(**OPTIONS, dry_run="{{ params.dry }}")
    def decorated(items: Any) -> Any:
        return items

    BulkUpdateVectorsOperator(task_id="update", rows=ROWS, **OPTIONS, dry_run="{{ params.dry }}")
    upsert = {
        "max_rows_per_request": "{{ params.size }}",
        "request_timeout_seconds": "{{ params.seconds }}",
        **OPTIONS,
    }
    BulkUpsertVectorsOperator(task_id="upsert", rows=ROWS, **upsert, dry_run="{{ params.dry }}")
    BulkUpsertVectorsOperator(task_id="from_task", rows=ROWS, **upsert, dry_run=is_dry())
    partial = BulkUpsertVectorsOperator.partial
    partial(task_id="mapped", **upsert, dry_run="{{ params.dry }}").expand(rows=[ROWS])
    partial(task_id="mapped_from_task", **upsert, dry_run=is_dry()).expand(rows=[ROWS])
    partial(task_id="expanded", **upsert, rows=ROWS).expand(dry_run=["{{ params.dry }}"])
    partial(task_id="by_kwargs", rows=ROWS).expand_kwargs([{**upsert, "dry_run": "{{ params.dry }}"}])
    decorated.expand(items=[ROWS])


def create(kind: str) -> DAG:
    name = f"templated_options_{kind}"
    with DAG(name, schedule=None, params=PARAMS, render_template_as_native_obj=kind == "native") as dag:
        add_tasks()
    return dag


plain, native = create("plain"), create("native")
