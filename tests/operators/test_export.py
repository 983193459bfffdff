"""``ExportVectorsOperator``, rendered and executed in Airflow, and what it exported restored by a bulk upsert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_upstash_vector.bulk import ExportFailed
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.hooks.upstash_vector import UpstashVectorHook
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpsertVectorsOperator,
    ExportVectorsOperator,
)
from tests.operators.test_terminated import terminated
from tests.support.bulk_runs import fill
from tests.support.bulk_tasks import Task
from tests.support.stored_vectors import read


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, ["a", "b"])
    fill(server, ["c"], "films")
    return server


def exporting(tmp_path: Path, **arguments: Any) -> Task:
    return Task(ExportVectorsOperator, **{"path": str(tmp_path / "e"), **arguments})


@pytest.mark.parametrize("native", [False, True])
def test_arguments_are_templates(tmp_path: Path, native: bool) -> None:
    task = exporting(
        tmp_path,
        native=native,
        path="{{ params.folder }}/{{ params.day }}",
        namespaces="{{ params.names }}",
        prefix="{{ params.prefix }}",
        time_limit_seconds="{{ params.seconds }}",
    )
    report = task.run(folder=str(tmp_path), day="2026-01-02", names=["films", ""], prefix="c", seconds=600)
    assert report["path"] == str(tmp_path / "2026-01-02" / "manifest.json")
    assert (report["rows"], report["namespaces"]) == (1, 2)


def test_an_export_is_restored(index: DevServer, tmp_path: Path) -> None:
    report = exporting(tmp_path, format="parquet", namespaces="films").run()
    assert json.dumps(report)
    assert (report["rows"], report["finished"]) == (1, True)
    index.clear()
    arguments = {"rows": report["path"], "checkpoint": str(tmp_path / "checkpoint")}
    assert Task(BulkUpsertVectorsOperator, **arguments).run()["upserted"] == 1
    assert read(index, "films").keys() == {"c"}
    with pytest.raises(AirflowFailException, match="namespace 'films' is not empty"):
        Task(BulkUpsertVectorsOperator, **arguments).run()
    with pytest.raises(ValueError, match="set checkpoint to a path"):
        Task(BulkUpsertVectorsOperator, rows="{{ params.folder }}/manifest.json", checkpoint=None)


def test_a_retry_of_a_finished_export_returns_its_report(index: DevServer, tmp_path: Path) -> None:
    task = exporting(tmp_path)
    first = task.run()
    index.requests.clear()
    again = task.run()
    assert {name: value for name, value in again.items() if name != "seconds"} == {
        name: value for name, value in first.items() if name != "seconds"
    }
    assert not index.requests
    with pytest.raises(AirflowFailException, match="has an export of"):
        exporting(tmp_path).run()  # another task instance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "{{ params.nothing }}"}, "path: must not be empty"),
        ({"path": "nothing://bucket/e"}, "no installed provider supports nothing://"),
        ({"namespaces": "{{ params.unknown }}"}, "there is no namespace 'unknown'"),
        ({"namespaces": ["films", "unknown"]}, "there is no namespace 'unknown'"),
        ({"namespaces": "[1, "}, "namespaces: must be the name of a namespace"),
        ({"time_limit_seconds": "{{ params.unknown }}"}, "time_limit_seconds: must be a number"),
    ],
)
def test_bad_input_fails_the_task_before_it_reads(
    index: DevServer, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(AirflowFailException, match=message.replace("[", r"\[")):
        exporting(tmp_path, **arguments).run(nothing="", unknown="unknown")
    assert index.requests["range"] == ("no namespace" in message)  # the counts may be stale


@pytest.mark.parametrize(
    ("name", "value"), [("format", "csv"), ("include", "data"), ("page_size", 0), ("time_limit_seconds", -1)]
)
def test_an_invalid_literal_breaks_the_dag(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        exporting(tmp_path, **{name: value})


def test_a_stopped_export_pushes_its_report(index: DevServer, tmp_path: Path) -> None:
    index.faults.add(Fault(kind="slow", seconds=600, command="range", times=9))
    task = exporting(tmp_path)
    with pytest.raises(ExportFailed, match="cancelled"), terminated(task.operator, index, "range"):
        task.run()
    assert task.xcoms["return_value"]["finished"] is False
    index.faults.clear()
    assert exporting(tmp_path).run()["rows"] == 3


def test_the_read_only_token_is_enough(index: DevServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_READER",
        json.dumps(
            {
                "conn_type": "upstash_vector",
                "host": index.url,
                "password": index.read_only_token,
                "extra": {"allow_http": True},
            }
        ),
    )
    task = exporting(tmp_path, upstash_vector_conn_id="reader")
    assert task.run()["rows"] == 3
    assert task.operator.read_result.namespaces == ["", "films"]


def test_the_hook_exports(index: DevServer, tmp_path: Path) -> None:
    with UpstashVectorHook() as hook:
        report = hook.export(f"file://{tmp_path}/e", compression="gz", progress="none")
    assert (report.rows, Path(report.path).parent) == (3, tmp_path / "e")
