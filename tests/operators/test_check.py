"""The operator that checks a namespace: templates, report, failures, and what Airflow stores of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.bulk.checking import (
    CountBetween,
    GoldQueries,
    MetadataHas,
    NoZeroVectors,
    SelfRecall,
)
from airflow_provider_upstash_vector.client.errors import Cancelled, ServerError
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.lineage import ReadResult
from airflow_provider_upstash_vector.operators.upstash_vector import CheckVectorsOperator
from tests.support.bulk_runs import fill
from tests.support.bulk_tasks import Task
from tests.support.index_fixtures import connection_json
from tests.support.stored_fields import serialized


@pytest.fixture(autouse=True)
def index(server: DevServer, monkeypatch: pytest.MonkeyPatch) -> DevServer:
    connection = connection_json(server, namespace="new", max_attempts=1)
    monkeypatch.setenv(
        "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT", connection.replace(server.token, server.read_only_token)
    )
    fill(server, [f"v{n}" for n in range(20)], "new")
    fill(server, [f"v{n}" for n in range(21)], "1e5")
    return server


def checking(*checks: Any, native: bool = False, **arguments: Any) -> Task:
    return Task(CheckVectorsOperator, native=native, checks=[*checks], **arguments)


@pytest.mark.parametrize("native", [False, True])
def test_a_report_of_checks_that_pass(index: DevServer, native: bool, tmp_path: Path) -> None:
    gold = tmp_path / "{{ ds }}.jsonl"
    gold.write_text('{"vector": [1, 1], "ids": ["v1"]}\n')
    task = checking(
        NoZeroVectors(),
        MetadataHas("n"),
        CountBetween("95%", None),
        SelfRecall(at=20),
        GoldQueries(str(gold), recall_at=20, not_below_baseline=0),
        native=native,
        **{name: f"{{{{ params.{name} }}}}" for name in ("namespace", "baseline", "sample", "seed")},
    )
    report = task.run(namespace="new", baseline="1e5", sample=10, seed=7)
    assert report["passed"] is True
    assert (report["namespace"], report["baseline"], report["count"], report["sampled"]) == ("new", "1e5", 20, 10)
    assert [check["value"] for check in report["checks"]] == [0, 1, 20, 1, 1]
    assert report["operations"] == {"written": 0, "read": 1 + 1 + 1 + 10 + 2}
    assert task.xcoms["markdown"].startswith("| Check | Result |")
    assert task.operator.read_result == ReadResult(host=index.url, namespaces=["new", "1e5"])


def test_a_failed_check_fails_the_task_and_leaves_the_report(
    index: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    failing = [NoZeroVectors(), MetadataHas("genre"), CountBetween(21, 30)]
    task = checking(*failing)
    with pytest.raises(AirflowFailException) as raised:
        task.run()
    message = str(raised.value)
    assert message.startswith("2 of 3 checks of namespace 'new' failed: MetadataHas: 0.00% of 20 sampled vectors")
    assert "CountBetween: There are 20 vectors; expected at least 21 and at most 30." in message
    assert [check["passed"] for check in task.xcoms["return_value"]["checks"]] == [True, False, False]
    assert "MetadataHas | FAILED" in task.xcoms["markdown"]
    assert task.operator.read_result == ReadResult(host=index.url, namespaces=["new"])
    warned = checking(*failing, on_failure="warn").run()
    assert (warned["passed"], len(warned["checks"])) == (False, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checks": []}, "checks: must be a list of checks"),
        ({"checks": "{{ params.checks }}"}, "checks: must be a list of checks"),
        ({"checks": [CountBetween("95%")]}, "baseline: must be set, since CountBetween compares"),
        ({"namespace": "a", "baseline": "a"}, "baseline: must be another namespace"),
        ({"on_failure": "skip"}, "on_failure must be fail or warn"),
    ],
)
def test_invalid_arguments_break_the_dag(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CheckVectorsOperator(task_id="t", **{"checks": [NoZeroVectors()], **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample": "{{ 'x' }}"}, "sample: must be a whole number"),
        ({"seed": "{{ 1.5 }}"}, "seed: must be a whole number"),
        (
            {"namespace": "{{ params.none }}"},
            "namespace: its template rendered to None, which would select other vectors",
        ),
        ({"namespace": "{{ '' }}"}, "namespace: its template rendered to an empty text"),
        ({"baseline": "{{ 'new' }}"}, "baseline: must be another namespace"),
        ({"checks": [GoldQueries("none.jsonl")]}, "there is no file none.jsonl"),
    ],
)
def test_what_is_wrong_after_rendering_fails_without_a_retry(
    index: DevServer, arguments: dict[str, Any], message: str
) -> None:
    index.requests.clear()
    with pytest.raises(AirflowFailException, match=re.escape(message)):
        Task(CheckVectorsOperator, **{"checks": [NoZeroVectors()], **arguments}).run(none=None)
    assert not index.requests


def test_an_error_is_left_to_a_retry_and_on_kill_cancels(index: DevServer) -> None:
    index.faults.add(Fault(kind="status", status=503, command="range"))
    with pytest.raises(ServerError):
        checking(NoZeroVectors()).run()
    task = checking(NoZeroVectors())
    task.operator.on_kill()
    with pytest.raises(Cancelled):
        task.run()


def test_a_dag_with_checks_can_be_stored() -> None:
    with DAG("d", schedule=None) as dag:
        CheckVectorsOperator(task_id="t", checks=[NoZeroVectors(), MetadataHas("a")], baseline="old")
        CheckVectorsOperator.partial(task_id="m", checks=[SelfRecall(), MetadataHas("a")]).expand(
            namespace=["a", "b"]
        )
    assert "object at 0x" not in serialized(dag)
