"""OpenLineage datasets of the operators, extracted as its provider does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.utils.state import TaskInstanceState

from airflow_provider_upstash_vector.assets.upstash_vector import (
    convert_asset_to_openlineage,
    upstash_vector_asset,
)
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.lineage import WriteResult, openlineage
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from tests.operators.test_lineage import ROWS, executed, fill_namespaces
from tests.support.bulk_tasks import OPERATORS

pytestmark = pytest.mark.needs("openlineage")


@pytest.fixture(autouse=True)
def index(server: DevServer, connection: str) -> DevServer:
    fill_namespaces(server)
    return server


def extracted(operator: Any, state: TaskInstanceState) -> dict[tuple[str, str], Any]:
    """Return row counts by dataset."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager  # noqa: PLC0415 - not everywhere

    manager = ExtractorManager()  # type: ignore[no-untyped-call]  # the provider has no types
    lineage = manager.extract_metadata(
        dagrun=SimpleNamespace(run_id="r"), task=operator, task_instance_state=state, task_instance=None
    )
    return {
        (output.namespace, output.name): output.outputFacets["outputStatistics"].rowCount
        for output in lineage.outputs
    }


def test_openlineage_gets_datasets_with_row_counts(index: DevServer) -> None:
    operator, _ = executed(BulkUpdateVectorsOperator, [], rows=ROWS)
    requests = sum(index.requests.values())
    index_uri = index.url.replace("http://", "upstash-vector://")
    assert extracted(operator, TaskInstanceState.SUCCESS) == {(index_uri, "/"): 1, (index_uri, "a%2Fb"): 2}
    assert extracted(operator, TaskInstanceState.RUNNING) == {}
    assert sum(index.requests.values()) == requests
    asset = upstash_vector_asset(index.url, "a/b")
    dataset = convert_asset_to_openlineage(asset, None)
    assert (dataset.namespace, dataset.name) == (index_uri, "a%2Fb")


@pytest.mark.parametrize("kind", OPERATORS)
def test_openlineage_gets_the_rows_of_a_failed_run(index: DevServer, kind: Any) -> None:
    operator, _ = executed(kind, [], rows=ROWS[:3], daily_budget=2, max_concurrency=1)
    assert sum(extracted(operator, TaskInstanceState.FAILED).values()) == 2


def test_an_operator_that_has_not_run_has_no_lineage() -> None:
    operator = UpdateVectorOperator(task_id="t", vector_id="a", data="x")
    assert extracted(operator, TaskInstanceState.RUNNING) == {}
    assert operator.get_openlineage_facets_on_complete(None) is None


def test_a_namespace_too_long_for_an_asset_has_no_dataset() -> None:
    assert openlineage(WriteResult(host="x.io", outcome="updated", rows={"ä" * 250: 3})) is None
