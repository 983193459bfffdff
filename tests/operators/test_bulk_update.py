"""``BulkUpdateVectorsOperator``: arguments, templates, checkpoint and result, in Airflow without a database."""

from __future__ import annotations

import inspect
import json
import logging
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.bulk.options import BulkArguments, BulkOptions
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.upstash_vector import BulkUpdateVectorsOperator
from tests.support.airflow_features import AIRFLOW
from tests.support.bulk_runs import Interruption, fill, interrupted_after, stored

IDS = [f"v{n}" for n in range(200)]
ROWS = [{"id": id, "metadata": {"n": n}} for n, id in enumerate(IDS)]


class State:
    """The task state store of Airflow 3.3: JSON values by key."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.values[key]) if key in self.values else default

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value, allow_nan=False)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class Task:
    """An operator in a DAG, rendered and executed as one task instance."""

    def __init__(self, *, native: bool = False, **arguments: Any) -> None:
        self.run_id = f"r{uuid4()}"  # names the journal in the machine's temporary folder
        self.xcoms: dict[str, Any] = {}
        self.state = State()
        with DAG("d", schedule=None, render_template_as_native_obj=native):
            self.operator = BulkUpdateVectorsOperator(task_id="t", **arguments)

    def context(self, params: dict[str, Any]) -> Any:
        def push(key: str, value: Any) -> None:
            self.xcoms[key] = value

        names = {"dag_id": "d", "run_id": self.run_id, "task_id": "t", "map_index": -1}
        return {"params": params, "ti": SimpleNamespace(**names, xcom_push=push), "task_state_store": self.state}

    def run(self, **params: Any) -> dict[str, Any]:
        context = self.context(params)
        self.operator.render_template_fields(context)
        return self.operator.execute(context)


def file_of(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, IDS)
    return server


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_templated_path_or_uri(index: DevServer, tmp_path: Path, native: bool, scheme: str) -> None:
    file_of(ROWS, tmp_path)
    manifest = Task(native=native, rows="{{ params.rows }}").run(rows=f"{scheme}{tmp_path}/ro*.jsonl")
    assert manifest["updated"] == manifest["total"] == 200
    assert json.loads(json.dumps(manifest)) == manifest
    assert stored(index) == {row["id"]: row["metadata"] for row in ROWS}


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("rows", [ROWS[:2], json.dumps(ROWS[:2]), str(ROWS[:2])], ids=["list", "JSON", "Python"])
def test_small_lists_are_templates(native: bool, rows: Any) -> None:
    assert Task(native=native, rows="{{ params.rows }}").run(rows=rows)["updated"] == 2


@pytest.mark.parametrize("native", [False, True])
def test_texts_in_rows_stay_as_they_are_written(index: DevServer, native: bool) -> None:
    fill(index, ["1e5", "None"])
    rows = [{"id": "1e5", "metadata": {"a": "0x10"}}, {"id": "{{ params.id }}", "metadata": {"a": "1_000"}}]
    assert Task(native=native, rows=rows).run(id="None")["updated"] == 2
    assert stored(index)["1e5"] == {"a": "0x10"}
    assert stored(index)["None"] == {"a": "1_000"}


def test_many_rows_are_not_rendered(index: DevServer) -> None:
    task = Task(rows=[*ROWS, {"id": "v0", "metadata": {"n": "{{ params.no }}"}}])
    assert task.run()["updated"] == 201
    assert stored(index)["v0"] == {"n": "{{ params.no }}"}


def test_many_rows_from_another_task_are_not_stored_again() -> None:
    task = Task(native=True, rows="{{ params.rows }}")
    task.operator.render_template_fields(task.context({"rows": ROWS}))
    assert task.operator.rows == "<list of 200>"
    assert task.operator.execute(task.context({}))["updated"] == 200


def test_the_checkpoint_is_in_the_tasks_state_until_the_run_completes(index: DevServer, tmp_path: Path) -> None:
    path = file_of(ROWS, tmp_path)
    task = Task(rows=str(path), max_rows_per_second=200, max_concurrency=8)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while index.requests["update"] < 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        task.operator.on_kill()

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    with pytest.raises(BulkJobFailed) as stopped:
        task.run()
    thread.join(60)
    assert not thread.is_alive()
    assert stopped.value.reason == "cancelled"
    assert task.xcoms["return_value"] == stopped.value.report.to_dict()
    (state,) = task.state.values.values()
    assert json.loads(state)["watermark"] == stopped.value.report.done
    assert index.token not in state

    del vars(task.operator)["_cancel_token"]  # the next try has another process
    assert task.run()["updated"] == 200
    assert index.requests["update"] == 200
    assert task.state.values == {}


@pytest.mark.parametrize("checkpoint", ["auto", "path"])
def test_of_two_tries_side_by_side_the_newer_one_completes(
    index: DevServer, tmp_path: Path, checkpoint: str
) -> None:
    path = file_of(ROWS, tmp_path)
    place = "auto" if checkpoint == "auto" else str(tmp_path / "checkpoint")
    older = Task(rows=str(path), max_rows_per_second=20, checkpoint=place)
    newer = Task(rows=str(path), max_rows_per_second=60, checkpoint=place)
    newer.run_id, newer.state = older.run_id, older.state
    errors: list[str] = []

    def run_older() -> None:
        if AIRFLOW < (3, 0):  # it remembers who calls ``execute`` for the thread that imported it alone
            vars(import_module("airflow.models.baseoperator"))["ExecutorSafeguard"]._sentinel.callers = {}
        with pytest.raises(AirflowFailException) as stopped:
            older.run()
        errors.append(str(stopped.value))

    thread = threading.Thread(target=run_older, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while index.requests["update"] < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert newer.run()["updated"] == 200
    thread.join(60)
    assert ["has taken over the checkpoint" in error for error in errors] == [True]
    assert stored(index) == {row["id"]: row["metadata"] for row in ROWS}
    assert index.requests["update"] < 2 * 200
    assert newer.state.values == {}


def test_a_task_starts_over_if_it_shall_not_resume(index: DevServer) -> None:
    task = Task(rows=ROWS, daily_budget=50, on_budget="return", resume="{{ params.resume }}")
    assert task.run(resume=False)["updated"] == 50
    task.operator.daily_budget = None
    assert task.operator.resume == "False"
    assert task.run()["updated"] == 200
    assert index.requests["update"] == 50 + 200


def test_a_failed_task_pushes_no_xcom_if_that_is_off() -> None:
    for do_xcom_push in (True, False):
        task = Task(rows=ROWS[:3], daily_budget=1, do_xcom_push=do_xcom_push)
        with pytest.raises(BulkJobFailed, match="daily budget"):
            task.run()
        assert ("return_value" in task.xcoms) is do_xcom_push


def test_without_task_state_there_is_no_checkpoint_unless_it_has_a_path(
    index: DevServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task(rows=ROWS[:3])
    context = task.context({})
    del context["task_state_store"]
    with caplog.at_level(logging.INFO):
        assert task.operator.execute(context)["updated"] == 3
    assert "Set checkpoint to a path" in caplog.text + capsys.readouterr().out

    path = tmp_path / "checkpoint"
    stopped = Task(rows=ROWS, daily_budget=50, checkpoint="{{ params.path }}")
    with pytest.raises(BulkJobFailed, match="daily budget"):
        stopped.run(path=str(path))
    assert path.exists()
    assert Task(rows=ROWS, checkpoint=path).run()["updated"] == 200


@pytest.mark.parametrize("checkpoint", ["auto", None])
def test_without_a_path_the_budget_covers_the_tries_of_the_task(
    index: DevServer, checkpoint: str | None, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task(rows=ROWS, daily_budget=50, checkpoint=checkpoint)
    caplog.set_level(logging.INFO)
    for _ in range(2):
        with pytest.raises(BulkJobFailed, match="daily budget"):
            task.run()
    assert index.requests["update"] == 50
    logs = (caplog.text, capsys.readouterr().out)  # it depends on Airflow which has it, or both
    assert max(log.count("daily_budget covers the tries of this task instance only") for log in logs) == 2
    assert "covers this run alone" not in "".join(logs)


def test_rejected_rows_fail_the_task_immediately_with_the_manifest(tmp_path: Path) -> None:
    task = Task(rows=[{"id": "v0"}], failures_path="{{ params.folder }}/failures.jsonl")
    with pytest.raises(AirflowFailException, match="1 rejected"):
        task.run(folder=str(tmp_path))
    assert task.xcoms["return_value"]["rejected"] == 1
    assert task.xcoms["return_value"]["failures_path"] == f"{tmp_path}/failures.jsonl"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": "/nowhere.jsonl"}, "there is no file /nowhere.jsonl"),
        ({"rows": "/nowhere*.jsonl"}, "no file matches"),
        ({"rows": "nothing://bucket/rows.jsonl"}, "no installed provider supports nothing://"),
        ({"rows": "[1, 2"}, "must be a path, a URI or a list of rows"),
        ({"rows": {"id": "v0"}}, "rows must be a list, an iterable, a table or a path, got dict"),
        ({"rows": ROWS, "namespace": 1.5}, "namespace: must be text"),
    ],
)
def test_a_non_retryable_error_fails_the_task(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=message.replace("*", r"\*").replace("[", r"\[")):
        Task(**arguments).run()


@pytest.mark.parametrize(
    "arguments", [{"max_concurrency": 0}, {"max_failures": 1.5}, {"on_missing": "skip"}, {"daily_budget": 0}]
)
def test_an_invalid_option_breaks_the_dag(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Task(rows=ROWS, **arguments)


def test_the_defaults_are_those_of_a_run() -> None:
    parameters = inspect.signature(inspect.unwrap(BulkUpdateVectorsOperator.__init__)).parameters
    defaults = {name: parameters[name].default for name in BulkArguments.__annotations__}
    assert defaults == {name: getattr(BulkOptions, name) for name in defaults}


def test_default_args_reach_every_option() -> None:
    options: dict[str, Any] = {
        **{name: f"the_{name}" for name in BulkArguments.__annotations__ if name.endswith("_field")},
        "metadata_update_mode": "PATCH",
        "max_concurrency": 8,
        "max_rows_per_second": 5.0,
        "max_failures": "50%",
        "on_missing": "fail",
        "daily_budget": 10,
        "on_budget": "return",
        "time_limit_seconds": 60.0,
        "check_index": False,
        "resume": False,
        "dry_run": True,
        "shard": (0, 2),
        "format": "csv",
        "delimiter": ";",
        "metadata_fields": "*",
    }
    assert options.keys() == BulkArguments.__annotations__.keys()
    with DAG("d", schedule=None, default_args=options):
        operator = BulkUpdateVectorsOperator(task_id="t", rows="rows.csv")
    values = {name: getattr(operator, "_dry_run" if name == "dry_run" else name) for name in options}
    assert values == options


def test_a_shard_from_a_template_or_as_it_is(index: DevServer, tmp_path: Path) -> None:
    path = str(file_of(ROWS, tmp_path))
    parts = [
        Task(rows=path, shard=(0, 3)),
        Task(rows=path, shard=[1, 3]),
        Task(rows=path, shard="{{ params.shard }}"),
    ]
    assert sum(part.run(shard=[2, 3])["updated"] for part in parts) == 200 == index.requests["update"]


def test_a_timeout_pushes_the_manifest(index: DevServer) -> None:
    task = Task(rows=ROWS * 20, max_concurrency=4, max_rows_per_second=1_000)
    with interrupted_after(index, 100), pytest.raises(Interruption):
        task.run()
    manifest = task.xcoms["return_value"]
    assert 100 <= manifest["updated"] == index.requests["update"] < 4_000
    assert manifest["updated"] + manifest["not_attempted"] == 4_000


def test_a_dry_run(index: DevServer) -> None:
    manifest = Task(rows=ROWS, dry_run=True).run()
    assert (manifest["dry_run"], manifest["not_attempted"]) == (True, 200)
    assert index.requests.keys() == {"fetch"}
