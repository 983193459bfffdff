"""``wait_until_indexed`` of the bulk operators: the namespaces, and a retry after a failed wait."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.base.waiting import WaitFailed
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator
from tests.support.bulk_runs import fill
from tests.support.bulk_tasks import OPERATORS, State, command_of, done_of
from tests.support.index_fixtures import connection_json
from tests.support.waiting_tasks import context, create, defer, resume, run_trigger

IDS = [f"v{n}" for n in range(20)]
ROWS = [{"id": id, "vector": [1, 2], "data": "new"} for id in IDS]


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch, quick_confirmation: None) -> DevServer:
    monkeypatch.setenv("AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection_json(server, max_attempts=1))
    fill(server, IDS)
    server.requests.clear()
    return server


class Task:
    """One task instance over its attempts, with ``wait_until_indexed``."""

    def __init__(self, checkpoint: str, kind: Any = BulkUpdateVectorsOperator, **arguments: Any) -> None:
        self.kind = kind
        options = {"rows": ROWS, "poke_interval": 0.01, "wait_until_indexed": True, "checkpoint": checkpoint}
        self.arguments = {**options, **arguments}
        self.state = State()
        self.xcoms: dict[str, Any] = {}
        self.context: Any = {**context(), "task_state_store": self.state}
        self.context["ti"] = SimpleNamespace(**{**vars(self.context["ti"]), "xcom_push": self.push})

    def push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value

    def operator(self) -> Any:
        return create(self.kind, **self.arguments)

    def run(self) -> dict[str, Any]:
        manifest: dict[str, Any] = self.operator().execute(self.context)
        return manifest


@pytest.fixture(params=["auto", "path"])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "auto" if request.param == "auto" else str(tmp_path / "checkpoint")


def has_checkpoint(task: Task) -> bool:
    path = task.arguments["checkpoint"]
    return bool(task.state.values) if path == "auto" else Path(path).exists()


OPTIONS: list[dict[str, Any]] = [
    {},
    {"max_failures": 1, "rows": [*ROWS, {"id": ""}, {"id": "unknown", "vector": [1, 2]}]},
]


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize("options", OPTIONS, ids=["all", "some"])
def test_a_retry_after_a_failed_wait_only_waits(
    index: DevServer, checkpoint: str, kind: Any, options: dict[str, Any]
) -> None:
    task = Task(checkpoint, kind, **options, check_index=False)
    expected = Task(checkpoint, kind, **options, check_index=False, wait_until_indexed=False).run()
    fill(index, IDS)  # again, after a delete
    index.faults.add(Fault(kind="status", status=503, times=1_000, command="info"))
    with pytest.raises(WaitFailed):
        task.run()
    sent = index.requests[command_of(kind)]
    assert has_checkpoint(task)
    index.faults.clear()
    first, second = deferred_manifest(index, task), task.run()
    assert index.requests[command_of(kind)] == sent
    assert first == second
    counts = ("total", done_of(kind), "missing", "rejected", "failed", "not_attempted", "bytes_sent")
    assert [second[count] for count in counts] == [expected[count] for count in counts]
    assert not has_checkpoint(task)


def deferred_manifest(index: DevServer, task: Task) -> Any:
    """Defer an attempt; return the manifest in its trigger."""
    task.arguments["deferrable"] = True
    index.faults.add(Fault(kind="status", status=503, times=1, command="info"))
    deferred = defer(task.operator(), task.context)
    task.arguments["deferrable"] = False
    return deferred.trigger.serialize()[1]["resume_data"]["result"]


@pytest.mark.parametrize("kind", OPERATORS)
def test_the_checkpoint_is_removed_after_a_deferred_wait(index: DevServer, checkpoint: str, kind: Any) -> None:
    task = Task(checkpoint, kind, check_index=False, deferrable=True)
    index.faults.add(Fault(kind="status", status=503, times=1, command="info"))
    deferred = defer(task.operator(), task.context)
    assert has_checkpoint(task)
    with pytest.raises(AirflowSensorTimeout):
        resume(task.operator(), {**run_trigger(deferred), "status": "timeout"}, task.context)
    assert has_checkpoint(task)
    assert resume(task.operator(), run_trigger(deferred), task.context)[done_of(kind)] == len(ROWS)
    assert not has_checkpoint(task)


@pytest.mark.parametrize(
    "options",
    [
        {"wait_until_indexed": False},
        {"wait_until_indexed": False, "kind": OPERATORS[1]},
        {"rows": [{"id": "unknown", "data": "x"}]},
        {"rows": []},
        {},
    ],
    ids=["no wait", "no wait after upserts", "nothing updated", "no rows", "wait"],
)
def test_a_successful_task_leaves_no_checkpoint(checkpoint: str, options: dict[str, Any]) -> None:
    task = Task(checkpoint, **options)
    task.run()
    assert not has_checkpoint(task)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_is_skipped_does_not_wait(index: DevServer, checkpoint: str, deferrable: bool) -> None:
    rows = [{"id": "unknown", "data": "x"}]
    options: dict[str, Any] = {"deferrable": deferrable, "on_missing": "skip", "check_index": False}
    task = Task(checkpoint, rows=rows, **options)
    with pytest.raises(AirflowSkipException, match="Nothing was updated, and ids are not in the index"):
        task.run()
    assert task.xcoms["return_value"]["missing"] == 1
    assert index.requests.keys() == {"update"}
    assert not has_checkpoint(task)
    index.faults.add(Fault(kind="status", status=503, times=1, command="info"))
    some = Task(checkpoint, rows=[*rows, *ROWS], **options)
    if not deferrable:
        assert some.run()["missing"] == 1
        return
    deferred = defer(some.operator(), some.context)
    assert resume(some.operator(), run_trigger(deferred), some.context)["missing"] == 1


def test_a_run_with_rows_left_keeps_its_checkpoint(index: DevServer, checkpoint: str) -> None:
    task = Task(checkpoint, daily_budget=5, on_budget="return")
    assert task.run()["not_attempted"] == len(ROWS) - 5
    assert has_checkpoint(task)


def test_too_many_failures_leave_no_checkpoint(checkpoint: str) -> None:
    task = Task(checkpoint, rows=iter([*ROWS, {"id": ""}]), max_failures="1%")  # known only at the end
    with pytest.raises(AirflowFailException):
        task.run()
    assert task.xcoms["return_value"]["rejected"] == 1
    assert not has_checkpoint(task)


@pytest.mark.parametrize(
    ("rows", "namespaces"),
    [
        (ROWS, [""]),
        ([*ROWS, {"id": "w", "data": "x", "namespace": "ns"}], ["", "ns"]),
        ([*ROWS, {"id": "w", "data": "x", "namespace": "n" * 300}], None),
    ],
    ids=["one", "two", "too long to be counted"],
)
def test_it_waits_for_the_namespaces_that_were_written_to(
    index: DevServer, rows: list[dict[str, Any]], namespaces: list[str] | None
) -> None:
    for namespace in {row.get("namespace", "") for row in rows}:
        fill(index, ["w"], namespace)
    index.faults.add(Fault(kind="status", status=503, times=1, command="info"))
    task = Task("auto", rows=rows, check_index=False, deferrable=True)
    deferred = defer(task.operator(), task.context)
    result = deferred.trigger.serialize()[1]["namespace"]
    assert (sorted(result) if result is not None else None) == namespaces
    assert run_trigger(deferred)["status"] == "met"


@pytest.mark.parametrize("error", [AirflowSkipException("nothing new today"), AirflowFailException("no rows")])
def test_an_airflow_exception_of_the_rows_ends_the_task(error: Exception) -> None:
    def rows() -> Any:
        yield from ROWS[:3]
        raise error

    task = Task("auto", rows=rows(), wait_until_indexed=False)
    with pytest.raises(type(error)) as raised:
        task.run()
    assert raised.value is error
    assert task.xcoms["return_value"]["updated"] == 3
