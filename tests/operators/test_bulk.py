"""The bulk operators: arguments, templates, checkpoint and result, in Airflow without a database."""

from __future__ import annotations

import inspect
import json
import logging
import re
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException

from airflow_provider_upstash_vector.bulk import BulkJobFailed, api, starting
from airflow_provider_upstash_vector.bulk.options import option_types
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.base.connection import UpstashVectorOperator
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkDeleteVectorsOperator,
    BulkUpsertVectorsOperator,
)
from tests.support.airflow_features import AIRFLOW
from tests.support.bulk_runs import Interruption, fill, interrupted_after, stored
from tests.support.bulk_tasks import OPERATORS, Task, command_of, done_of

IDS = [f"v{n}" for n in range(200)]
ROWS: list[dict[str, Any]] = [{"id": id, "vector": [1, n], "metadata": {"n": n}} for n, id in enumerate(IDS)]
ANY_OPERATOR = pytest.mark.parametrize("operator", OPERATORS)


def left_by(operator: Any) -> dict[str, Any]:
    """Return the metadata of all vectors after a run with ``ROWS``."""
    return {} if command_of(operator) == "delete" else {row["id"]: row["metadata"] for row in ROWS}


def file_of(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, IDS)
    return server


@ANY_OPERATOR
@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_templated_path_or_uri(
    index: DevServer, tmp_path: Path, operator: Any, native: bool, scheme: str
) -> None:
    file_of(ROWS, tmp_path)
    manifest = Task(operator, native=native, rows="{{ params.rows }}").run(rows=f"{scheme}{tmp_path}/ro*.jsonl")
    assert manifest[done_of(operator)] == manifest["total"] == 200
    assert json.loads(json.dumps(manifest)) == manifest
    assert stored(index) == left_by(operator)


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


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("kind", [dict, json.dumps, str])
def test_rows_in_a_mapping_of_another_task(index: DevServer, native: bool, kind: Any) -> None:
    rows = kind({"out": {"rows": [{"metadata": {"n": n}, "file": "{{ 1 / 0 }}v"} for n in range(2)]}})
    options = {"rows_field": "out.rows", "id_template": "v{metadata.n}", "metadata_update_mode": "PATCH"}
    task = Task(native=native, rows="{{ params.rows }}", **options)
    assert task.run(rows=rows)["updated"] == 2
    assert stored(index)["v1"] == {"n": 1}


@pytest.mark.parametrize(
    "options", [{"rows_field": "a..b"}, {"id_template": "{a"}, {"id_template": "{a}{index}", "shard": (0, 2)}]
)
def test_a_name_or_template_that_is_not_one_is_refused_when_the_dag_is_parsed(options: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Task(rows=[], **options)


@pytest.mark.parametrize("field", [None, "chunks"])
def test_many_rows_are_not_rendered(index: DevServer, field: str | None) -> None:
    rows = [*ROWS, {"id": "v0", "metadata": {"n": "{{ params.no }}"}}]
    task = Task(rows={field: rows} if field else rows, rows_field=field)
    assert task.run()["updated"] == 201
    assert stored(index)["v0"] == {"n": "{{ params.no }}"}


def test_many_rows_from_another_task_are_not_stored_again() -> None:
    task = Task(native=True, rows="{{ params.rows }}")
    task.operator.render_template_fields(task.context({"rows": ROWS}))
    assert str(task.operator.rows) == "<list of 200>"
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


@ANY_OPERATOR
@pytest.mark.parametrize("resume", [True, False])
def test_a_retry_resumes_unless_it_shall_not(index: DevServer, operator: Any, resume: bool) -> None:
    task = Task(operator, rows=ROWS, daily_budget=50, on_budget="return", resume="{{ params.resume }}")
    assert task.run(resume=resume)[done_of(operator)] == 50
    task.operator.daily_budget = None
    assert task.operator.resume == str(resume)
    fill(index, ["v0"])  # which a retry does not write again
    manifest = task.run()
    again = 49 if command_of(operator) == "delete" and not resume else 0
    assert (manifest[done_of(operator)], manifest["missing"]) == (200 - again, again)
    assert stored(index) == left_by(operator) | ({"v0": {"n": -1}} if resume else {})
    assert task.state.values.keys() <= {f"upstash_vector_bulk_{command_of(operator)}_budget"}


@pytest.mark.parametrize("checkpoint", ["auto", "path"])
@pytest.mark.parametrize("operators", [OPERATORS[:2], OPERATORS[1::-1], OPERATORS[1:], OPERATORS[:0:-1]])
def test_an_operation_does_not_resume_another_one(
    index: DevServer, tmp_path: Path, operators: Any, checkpoint: str
) -> None:
    place = "auto" if checkpoint == "auto" else str(tmp_path / "checkpoint")
    stopped, other = (Task(operator, rows=ROWS, checkpoint=place) for operator in operators)
    other.run_id, other.state = stopped.run_id, stopped.state
    stopped.operator.daily_budget = 50
    with pytest.raises(BulkJobFailed, match="daily budget"):
        stopped.run()
    kept = {name: value for name, value in stopped.state.values.items() if "budget" not in name}
    assert other.run()[done_of(other.operator)] == 200
    assert {name: value for name, value in stopped.state.values.items() if "budget" not in name} == kept
    assert (len(kept) == 1) is (checkpoint == "auto")


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


@pytest.mark.parametrize("native", [False, True])
def test_a_budget_that_renders_to_nothing_is_none(
    native: bool, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task(native=native, rows=ROWS[:3], daily_budget="{{ params.budget }}")
    with caplog.at_level(logging.INFO):
        assert task.run(budget="")["updated"] == 3
    assert "daily_budget" not in caplog.text + capsys.readouterr().out
    assert task.state.values == {}


@ANY_OPERATOR
def test_rejected_rows_fail_the_task_immediately_with_the_manifest(tmp_path: Path, operator: Any) -> None:
    task = Task(operator, rows=[{"id": ""}], failures_path="{{ params.folder }}/failures.jsonl")
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
@ANY_OPERATOR
def test_a_non_retryable_error_fails_the_task(operator: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        Task(operator, **arguments).run()


@pytest.mark.parametrize("value", [None, ""])
def test_a_template_does_not_move_deletes_to_another_namespace(index: DevServer, value: str | None) -> None:
    with pytest.raises(AirflowFailException, match="namespace: its template rendered"):
        Task(BulkDeleteVectorsOperator, rows=ROWS, namespace="{{ params.value }}").run(value=value)
    assert not index.requests


INVALID: dict[str, list[Any]] = {
    "max_concurrency": [0, "64", 1.5, None],
    "max_rows_per_second": [0, "fast"],
    "max_failures": [1.5, "some"],
    "daily_budget": [0, "1000"],
    "time_limit_seconds": [-1, "1"],
    "shard": [(2, 2), "1", [0]],
    "dry_run": ["yes", None, 1],
    "resume": ["yes"],
    "on_missing": ["warn"],
    "max_rows_per_request": [0, 1_001, "50"],
    "request_timeout_seconds": [0, "600"],
    "if_not_empty": ["replace", True],
}


@ANY_OPERATOR
@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_option_breaks_the_dag(operator: Any, name: str) -> None:
    for value in INVALID[name] if name in option_types(operator.options_type) else ():
        with pytest.raises(ValueError, match=name):
            Task(operator, rows=ROWS, **{name: value})


def test_a_namespace_that_must_be_empty_needs_a_checkpoint_that_a_retry_resumes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments: dict[str, Any] = {"rows": ROWS, "namespace": "new", "if_not_empty": "fail"}
    versions = "airflow_provider_upstash_vector.operators.base.options.get_base_airflow_version_tuple"
    monkeypatch.setattr(versions, lambda: (3, 2, 9))
    for checkpoint in (None, "", "auto"):
        with pytest.raises(ValueError, match='set checkpoint to a path, or if_not_empty="merge"'):
            Task(BulkUpsertVectorsOperator, checkpoint=checkpoint, **arguments)
    Task(BulkUpsertVectorsOperator, checkpoint="{{ params.path }}", **arguments)
    monkeypatch.setattr(versions, lambda: (3, 3, 0))
    task = Task(BulkUpsertVectorsOperator, **arguments)
    assert task.run()["upserted"] == len(ROWS)
    with pytest.raises(AirflowFailException, match="namespace 'new' is not empty"):
        task.run()


TEMPLATED: dict[str, Any] = {
    "max_concurrency": 8,
    "max_rows_per_second": 1_000.5,
    "max_failures": 3,
    "daily_budget": 1_000,
    "time_limit_seconds": 600,
    "dry_run": True,
    "resume": False,
    "shard": [0, 2],
    "max_rows_per_request": 50,
    "request_timeout_seconds": 300,
}


@ANY_OPERATOR
@pytest.mark.parametrize("native", [False, True])
def test_options_are_templates(monkeypatch: pytest.MonkeyPatch, operator: Any, native: bool) -> None:
    started: list[Any] = []

    async def run_async(options: Any, *arguments: Any, **keywords: Any) -> Any:
        started.append(options)
        return await starting.run_async(options, *arguments, **keywords)

    monkeypatch.setattr(api, "run_async", run_async)
    values = {name: value for name, value in TEMPLATED.items() if name in option_types(operator.options_type)}
    templates = {name: f"{{{{ params.{name} }}}}" for name in values}
    task = Task(operator, native=native, rows=ROWS, **templates)
    assert task.run(**values)["dry_run"] is True
    assert {name: getattr(started[0], name) for name in values} == {**values, "shard": (0, 2)}


@ANY_OPERATOR
@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", TEMPLATED)
def test_a_template_with_an_invalid_value_fails_the_task(
    index: DevServer, operator: Any, native: bool, name: str
) -> None:
    for value in ["fast", -1, [1], "", None] if name in option_types(operator.options_type) else ():
        if value in ("", None) and name in {"max_rows_per_second", "daily_budget", "time_limit_seconds", "shard"}:
            continue  # not set
        task = Task(operator, native=native, rows=ROWS, **{name: "{{ params.value }}"})
        with pytest.raises(AirflowFailException, match=f"{name}:? must be"):
            task.run(value=value)
    assert not index.requests


@pytest.mark.parametrize(
    ("rows", "skipped"),
    [
        ([{"id": "unknown", "data": "x"}], True),
        ([{"id": "unknown", "data": "x"}, ROWS[0]], False),
        ([], False),
        ([{"id": "unknown", "data": "x"}, {"id": "v0"}], True),
    ],
    ids=["all", "one", "no rows", "rejected"],
)
def test_a_task_is_skipped_if_no_id_is_in_the_index(rows: list[dict[str, Any]], skipped: bool) -> None:
    for do_xcom_push in (True, False):
        task = Task(rows=rows, on_missing="skip", max_failures=1, do_xcom_push=do_xcom_push)
        if not skipped:
            assert task.run()["missing"] == len(rows[1:])
            continue
        with pytest.raises(
            AirflowSkipException, match=r"Nothing was updated, and ids are not in the index: .*1 missing"
        ):
            task.run()
        # Airflow 2.11 has the link among the XComs, too
        assert task.xcoms.get("return_value", {}).get("missing") == (1 if do_xcom_push else None)
        assert task.state.values == {}


def test_a_dry_run_is_not_skipped() -> None:
    task = Task(rows=[{"id": "unknown", "data": "x"}], on_missing="skip", dry_run=True)
    assert task.run()["not_attempted"] == 1


@ANY_OPERATOR
def test_the_arguments_and_defaults_are_those_of_a_run(operator: Any) -> None:
    defaults = {
        parameter.name: parameter.default
        for base in operator.__mro__
        if "__init__" in vars(base) and issubclass(base, UpstashVectorOperator)
        for parameter in inspect.signature(inspect.unwrap(vars(base)["__init__"])).parameters.values()
    }
    options = option_types(operator.options_type).keys() - {"namespace"}
    assert options < defaults.keys()
    assert {name: defaults[name] for name in options} == {
        name: getattr(operator.options_type, name) for name in options
    }


@ANY_OPERATOR
def test_default_args_reach_every_option(operator: Any) -> None:
    known = option_types(operator.options_type).keys() - {"namespace"}
    options: dict[str, Any] = {
        **{name: f"the_{name}" for name in known if name.endswith("_field")},
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
        "id_template": "{a}",
        "metadata_fields": "*",
        "max_rows_per_request": 50,
        "request_timeout_seconds": 60.0,
        "if_not_empty": "fail",
        "embed": "tests.support.embeddings:vectors_of",
        "embed_batch_size": 8,
        "embed_concurrency": 2,
        "embed_attempts": 3,
    }
    assert options.keys() >= known
    with DAG("d", schedule=None, default_args={**options, "checkpoint": "checkpoint"}):
        task = operator(task_id="t", rows="rows.csv")
    values = {name: getattr(task, "_dry_run" if name == "dry_run" else name) for name in known}
    assert values == {name: options[name] for name in known}


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


@ANY_OPERATOR
def test_a_dry_run(index: DevServer, operator: Any) -> None:
    manifest = Task(operator, rows=ROWS, dry_run=True).run()
    assert (manifest["dry_run"], manifest["not_attempted"]) == (True, 200)
    assert index.requests.keys() == (set() if command_of(operator) == "delete" else {"fetch"})


def test_an_upsert_sends_batches_and_replaces_whole_vectors(
    index: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": f"v{n}", "vector": [1, n]} for n in range(2_500)]
    task = Task(BulkUpsertVectorsOperator, rows=rows)
    manifest = task.run()
    assert (manifest["upserted"], manifest["missing"]) == (2_500, 0)
    assert "updated" not in manifest
    assert 3 <= index.requests["upsert"] < 2_500
    assert set(stored(index).values()) == {None}
    assert "removes 'n' of its metadata" in caplog.text
