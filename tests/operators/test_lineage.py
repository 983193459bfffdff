"""Outlet events and hook lineage of the operators."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias

from airflow_provider_upstash_vector.assets.upstash_vector import upstash_vector_asset
from airflow_provider_upstash_vector.bulk import BulkJobFailed
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    BulkUpsertVectorsOperator,
    UpdateVectorOperator,
)
from tests.support.bulk_runs import fill
from tests.support.bulk_tasks import OPERATORS
from tests.support.harness import OutletEvents, context, task_instance

ROWS: list[dict[str, Any]] = [
    {"id": "a", "vector": [1, 2]},
    {"id": "b", "vector": [1, 2], "namespace": "a/b"},
    {"id": "a", "vector": [1, 2], "namespace": "a/b"},
    {"id": "a", "vector": [1, 2], "namespace": "nowhere"},
]

PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from airflow.providers.common.compat.sdk import HookLineageReader

class Reads(AirflowPlugin):
    name = "reads_lineage"
    hook_lineage_readers = [HookLineageReader]
"""


def fill_namespaces(server: DevServer) -> None:
    for namespace in ("", "a/b"):
        fill(server, ["a", "b"], namespace)


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill_namespaces(server)
    return server


def executed(kind: Any, outlets: list[Any], **arguments: Any) -> tuple[Any, dict[Any, Any]]:
    """Execute a copy of an operator as Airflow does; return the copy and the outlet events' extras."""
    with DAG("d", schedule=None):
        operator = kind(task_id="t", outlets=outlets, **arguments)
    events = OutletEvents()
    copy = operator.prepare_for_execution()
    with suppress(BulkJobFailed):
        copy.execute({**context(None), "outlet_events": events.accessors, "ti": task_instance()})
    assert operator.outlets == outlets
    return copy, events.extras()


def test_an_update_gives_its_outlet_the_count(index: DevServer) -> None:
    asset = upstash_vector_asset(index.url, "a/b")
    others = [Asset(uri="s3://bucket/key"), AssetAlias("some"), upstash_vector_asset("elsewhere.io", "a/b")]
    operator, events = executed(UpdateVectorOperator, [asset, *others], vector_id="a", data="x", namespace="a/b")
    assert operator.outlets == [asset, *others]
    assert events == {asset.uri: {"updated": 1}}


def test_an_alias_gets_each_namespace_that_was_updated(index: DevServer) -> None:
    events = OutletEvents()
    with DAG("d", schedule=None):
        operator = BulkUpdateVectorsOperator(task_id="t", outlets=[AssetAlias("some")], rows=ROWS)
    task_context: Any = {**context(None), "outlet_events": events.accessors, "ti": task_instance()}
    operator.execute(task_context)
    counts = {upstash_vector_asset(index.url, namespace).uri: n for namespace, n in (("", 1), ("a/b", 2))}
    assert {uri: extra["updated"] for uri, extra in events.of_aliases().items()} == counts


@pytest.mark.needs("asset_references")
@pytest.mark.parametrize("kind", ["uri", "name"])
def test_a_reference_to_an_asset_is_like_the_asset(index: DevServer, kind: str) -> None:
    updated, not_updated = (upstash_vector_asset(index.url, namespace).uri for namespace in ("a/b", ""))
    references = [Asset.ref(**{kind: uri}) for uri in (updated, not_updated, "s3://bucket/key")]
    events: dict[Any, Any] = defaultdict(SimpleNamespace)  # Airflow's own calls its API for the asset
    with DAG("d", schedule=None):
        operator = UpdateVectorOperator(task_id="t", outlets=references, vector_id="a", data="x", namespace="a/b")
    task_context: Any = {**context(None), "outlet_events": events, "ti": task_instance()}
    operator.execute(task_context)
    assert operator.outlets == [references[0], references[2]]
    assert {reference: event.extra for reference, event in events.items()} == {references[0]: {"updated": 1}}


def test_a_missing_vector_has_no_event(index: DevServer) -> None:
    asset, other = upstash_vector_asset(index.url), Asset(uri="s3://bucket/key")
    operator, events = executed(UpdateVectorOperator, [asset, other], vector_id="no", data="x")
    assert operator.outlets == [other]
    assert events == {}


def test_a_bulk_run_gives_each_namespace_its_count(index: DevServer) -> None:
    outlets = [upstash_vector_asset(index.url, namespace) for namespace in ("", "a/b", "nowhere")]
    operator, events = executed(BulkUpdateVectorsOperator, outlets, rows=ROWS)
    assert operator.outlets == outlets[:2]
    run = {"total": 4, "updated": 3, "missing": 1, "rejected": 0, "failed": 0, "not_attempted": 0}
    assert events == {
        outlets[0].uri: {"updated": 1, "run": run},
        outlets[1].uri: {"updated": 2, "run": run},
    }


def test_upserts_give_each_namespace_its_count(index: DevServer) -> None:
    outlets = [upstash_vector_asset(index.url, namespace) for namespace in ("", "a/b", "nowhere")]
    operator, events = executed(BulkUpsertVectorsOperator, outlets, rows=ROWS)
    assert operator.outlets == outlets
    run = {"total": 4, "upserted": 4, "missing": 0, "rejected": 0, "failed": 0, "not_attempted": 0}
    counts = [1, 2, 1]
    assert events == {outlet.uri: {"upserted": n, "run": run} for outlet, n in zip(outlets, counts, strict=True)}


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_dry_run_has_no_event_and_no_lineage(index: DevServer, kind: Any) -> None:
    operator, events = executed(kind, [upstash_vector_asset(index.url)], rows=ROWS, dry_run=True)
    assert operator.outlets == []
    assert events == {}
    assert operator.get_openlineage_facets_on_complete(None) is None


@pytest.mark.parametrize("installed", [True, False])
def test_hook_lineage_has_the_assets_that_were_written_and_read(tmp_path: Path, installed: bool) -> None:
    (tmp_path / "plugins").mkdir()
    if installed:
        (tmp_path / "plugins" / "reads.py").write_text(PLUGIN)
    script = f"""
import airflow, json, sys
if not {installed}:
    sys.modules["openlineage"] = sys.modules["airflow.providers.openlineage.extractors"] = None
from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector
from airflow_provider_upstash_vector.operators import upstash_vector as operators
operators.BulkUpdateVectorsOperator(task_id="t", rows={ROWS!r}, checkpoint=None).execute({{}})
operators.FetchVectorsOperator(task_id="f", ids=["a"], namespace="a/b").execute({{}})
collected = get_hook_lineage_collector().collected_assets
both = [sorted((item.asset.uri, item.count) for item in items) for items in (collected.outputs, collected.inputs)]
print("collected", json.dumps(both))
"""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("collected ")]
    host = json.loads(environment["AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT"])["host"]
    index_uri = host.replace("http", "upstash-vector")
    written, read = [[f"{index_uri}/", 1], [f"{index_uri}/a%2Fb", 1]], [[f"{index_uri}/a%2Fb", 1]]
    assert json.loads(line.removeprefix("collected ")) == ([written, read] if installed else [[], []])
    assert "could not be emitted" not in done.stdout + done.stderr
