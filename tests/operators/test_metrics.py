"""Metrics as a StatsD server receives them, and that Stats is not imported if they are disabled."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.sdk import DAG, AirflowFailException

from airflow_provider_upstash_vector.bulk import BulkJobFailed, ExportFailed
from airflow_provider_upstash_vector.bulk.checking import MetadataHas, NoZeroVectors
from airflow_provider_upstash_vector.client import Field
from airflow_provider_upstash_vector.dev_server import DevServer, Fault
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    CheckVectorsOperator,
    ExportVectorsOperator,
    FetchVectorsOperator,
    QueryVectorsOperator,
    UpdateVectorsWhereOperator,
)
from tests.bulk.exports.test_export import after
from tests.operators.test_bulk import ROWS
from tests.support.airflow_features import AIRFLOW
from tests.support.airflow_home import ROOT
from tests.support.bulk_runs import fill
from tests.support.bulk_tasks import OPERATORS, Task, command_of, done_of
from tests.support.harness import context, run

PLAIN = False


class StatsD:
    """A StatsD server of one test."""

    def __init__(self, receiver: socket.socket) -> None:
        self._socket = receiver

    def received(self) -> dict[str, float]:
        """Return the values received since the last call, by name and type."""
        values: dict[str, float] = {}
        self._socket.settimeout(0.2)
        deadline = time.monotonic() + 60
        try:
            while time.monotonic() < deadline:
                name, value, kind = re.split("[:|]", self._socket.recv(65_536).decode())
                if name.startswith("airflow.upstash_vector."):
                    values[f"{name.removeprefix('airflow.upstash_vector.')} {kind}"] = float(value)
        except TimeoutError:
            return values
        raise AssertionError("metrics are sent without end")


def configure_stats() -> None:
    """Make Stats read Airflow's configuration again, as in a new process."""
    stats: Any = sdk.Stats
    if AIRFLOW >= (3, 2):
        from airflow.sdk.observability.metrics.stats_utils import get_stats_factory  # noqa: PLC0415 - not everywhere

        factory: Any = get_stats_factory
        if AIRFLOW >= (3, 3):
            stats.initialize(factory=factory(), export_legacy_names=False)
        else:
            stats.initialize(factory=factory(stats))
    else:  # it is read when the class is created
        kind = type(stats)
        del kind.factory
        stats.instance = None
        kind.__init__(stats)


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsD]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        with monkeypatch.context() as configuration:
            configuration.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
            configuration.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
            configuration.setenv("AIRFLOW__METRICS__STATSD_PORT", str(receiver.getsockname()[1]))
            configure_stats()
            yield StatsD(receiver)
        configure_stats()


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill(server, [f"v{n}" for n in range(200)])
    return server


def test_an_update(index: DevServer, statsd: StatsD) -> None:
    index.faults.add(Fault(kind="status", status=429, times=1, retry_after="1"))
    run(PLAIN, vector_id="v1", data="x")
    values = statsd.received()
    assert values.pop("throttled_duration ms") >= 1_000
    assert 0 < values.pop("request_duration ms") < 1_000
    assert values == {"updates.updated c": 1, "requests c": 2, "retries c": 1}


@pytest.mark.parametrize(
    ("kind", "arguments", "outcomes"),
    [
        (QueryVectorsOperator, {"vector": [1, 1], "top_k": 5}, {"queries.results c": 5}),
        (QueryVectorsOperator, {"vector": [1, 1], "namespace": "no"}, {"queries.empty c": 1}),
        (QueryVectorsOperator, {"vector": ["x"]}, {"queries.rejected c": 1}),
        (QueryVectorsOperator, {"vector": [1, 2, 3]}, {"queries.failed c": 1}),
        (FetchVectorsOperator, {"ids": ["v1", "no", "v2"]}, {"fetches.found c": 2, "fetches.missing c": 1}),
    ],
)
def test_reads(statsd: StatsD, kind: Any, arguments: dict[str, Any], outcomes: dict[str, int]) -> None:
    with DAG("d", schedule=None):
        operator = kind(task_id="t", **arguments)
    with suppress(AirflowFailException):
        operator.execute(context({}))
    values = statsd.received()
    sent = "queries.rejected c" not in outcomes
    assert (values.pop("request_duration ms", None) is not None) == sent
    assert values == {**outcomes, **({"requests c": 1} if sent else {})}


def test_checks(statsd: StatsD) -> None:
    checks = [NoZeroVectors(), MetadataHas("n"), MetadataHas("x")]
    with suppress(AirflowFailException):
        Task(CheckVectorsOperator, checks=checks, sample=150).run()
    values = statsd.received()
    assert values.pop("request_duration ms") > 0
    assert values == {"checks.passed c": 2, "checks.failed c": 1, "requests c": 1 + 1 + 2}


def test_an_update_of_all_that_matches_counts_the_requests_of_its_scan(index: DevServer, statsd: StatsD) -> None:
    index.faults.add(Fault(kind="status", status=503, command="range", times=1))
    Task(UpdateVectorsWhereOperator, where=Field("n") == -1, prefix="v1", metadata={"x": 1}).run()
    values = statsd.received()
    assert values.pop("request_duration ms") > 0
    assert values == {"updates.updated c": 111, "requests c": 2 + 111, "retries c": 1}


@pytest.mark.parametrize(
    ("outcome", "arguments", "status"),
    [
        ("missing", {"vector_id": "no", "on_missing": "fail"}, None),
        ("rejected", {"vector_id": "v1", "vector": ["x"]}, None),
        ("failed", {"vector_id": "v1"}, 422),
    ],
)
def test_an_update_without_effect(
    index: DevServer, statsd: StatsD, outcome: str, arguments: dict[str, Any], status: int | None
) -> None:
    if status:
        index.faults.add(Fault(kind="status", status=status))
    with pytest.raises(AirflowFailException):
        run(PLAIN, data="x", **arguments)
    values = statsd.received()
    requests = {} if outcome == "rejected" else {"requests c": 1}
    assert (values.pop("request_duration ms", None) is None) == (outcome == "rejected")
    assert values == {f"updates.{outcome} c": 1, **requests}


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_bulk_run_emits_once_and_a_retry_only_its_own_work(
    index: DevServer, statsd: StatsD, operator: Any
) -> None:
    is_update = operator is BulkUpdateVectorsOperator
    rows = [*ROWS, *[{"id": "no", "data": "x"}] * is_update, {"id": ""}]
    task = Task(operator, rows=rows, max_failures=1, daily_budget=150)
    prefix, done = f"{command_of(operator)}s.", done_of(operator)
    with pytest.raises(BulkJobFailed):
        task.run()
    first = statsd.received()
    task.operator.daily_budget = None
    assert task.run()[done] == 200
    second = statsd.received()
    assert first[f"{prefix}{done} c"] + second[f"{prefix}{done} c"] == 200
    assert first[f"{prefix}not_attempted c"] > 0
    assert f"{prefix}not_attempted c" not in second
    assert second.get(f"{prefix}missing c") == (1 if is_update else None)
    assert [run[f"{prefix}rejected c"] for run in (first, second) if f"{prefix}rejected c" in run] == [1]
    assert 0 < second["request_duration ms"] < 5_000
    assert {name for name in first | second if "s." in name and not name.startswith(prefix)} == set()


def test_an_export_emits_its_requests_and_a_retry_only_its_own(
    index: DevServer, statsd: StatsD, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"page_size": 50, "max_part_bytes": 1, "time_limit_seconds": 3}
    task = Task(ExportVectorsOperator, path=str(tmp_path / "export"), **options)
    for fault in after(2, Fault(kind="slow", seconds=600, command="range")):
        index.faults.add(fault)
    with pytest.raises(ExportFailed):
        task.run()
    first = statsd.received()
    index.faults.clear()
    index.requests.clear()
    task.operator.time_limit_seconds = None
    assert task.run()["rows"] == 200
    second = statsd.received()
    assert second.pop("request_duration ms") > 0
    before = first.get("exports.exported c", 0)
    assert second == {"exports.exported c": 200 - before, "requests c": sum(index.requests.values())}
    assert before > 0 or "requests c" not in first


def test_a_dry_run_emits_nothing(statsd: StatsD) -> None:
    Task(rows=ROWS, dry_run=True).run()
    assert statsd.received() == {}


@pytest.mark.parametrize("switch", ["False", "True"])
def test_stats_are_imported_only_if_metrics_are_enabled(switch: str) -> None:
    script = """
from airflow.providers.common.compat import sdk
from airflow_provider_upstash_vector import metrics
from airflow_provider_upstash_vector.client.base import RequestStats

import_name, imported = sdk.__getattr__, []
sdk.__getattr__ = lambda name: imported.append(name) or import_name(name)
metrics.emit_metrics("update", {"updated": 1}, RequestStats(requests=1))
print("imported", imported)
"""
    environment = {**os.environ, "AIRFLOW__METRICS__STATSD_ON": switch}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert "imported " in done.stdout, done.stderr
    assert ("'Stats'" in done.stdout) == (switch == "True")


def test_failing_metrics_do_not_fail_the_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "perhaps")
    with DAG("d", schedule=None):
        operator = BulkUpdateVectorsOperator(task_id="t", rows=ROWS[:2], checkpoint=None)
    assert operator.execute({})["updated"] == 2
    assert "Metrics could not be emitted" in caplog.text


def test_the_readme_lists_the_metrics() -> None:
    text = (ROOT / "README.md").read_text()
    for outcome in (
        "updates.updated",
        "upserts.upserted",
        "deletes.deleted",
        "updates.missing",
        "updates.rejected",
    ):
        assert f"`upstash_vector.{outcome}`" in text
    for outcome in ("failed", "not_attempted"):
        assert f"`.{outcome}`" in text
    for name in ("requests", "request_duration", "retries", "throttled_duration"):
        assert f"`upstash_vector.{name}`" in text
