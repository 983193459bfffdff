"""Runs the recipes of the documentation, and the updates that they replace."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_upstash_vector import bulk
from airflow_provider_upstash_vector.client import Endpoint
from airflow_provider_upstash_vector.dev_server import DevServer
from tests.support.airflow_home import ROOT, AirflowHome
from tests.support.dag_runs import DagRun, load_dags

PAGE = ROOT / "docs/how-to/foreign-vectors.md"
# the metadata of the vectors that a library writes before a recipe runs
DRAMA = {"genre": "drama", "year": 1999}
IDS = ["movie-1", "movie-2"]
TEXTS = ["A heist.", "A trip."]
VECTORS = {"A heist.": [1.0, 0.0], "A trip.": [0.0, 1.0], "A war.": [0.2, 0.8]}


def run_recipe(
    airflow_home: AirflowHome, heading: str, change: Callable[[str], str] = lambda block: block
) -> None:
    """Run the DAG below a heading of the page, after a change."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    file = airflow_home.dags / f"recipe_{heading.lower()}.py"
    file.write_text(change(block))
    (dag,) = load_dags(file).values()
    assert DagRun(dag).state == "success"


def overwrite(server: DevServer, caplog: pytest.LogCaptureFixture, namespace: str = "") -> str:
    """Update the first vector without the recipe; return the warning of the dry run, which the run repeats."""
    found: list[str] = []
    for dry_run in (True, False):
        caplog.clear()
        row: dict[str, Any] = {"id": IDS[0], "metadata": {"genre": "war"}}
        endpoint = Endpoint.of(server.url, server.token)
        report = bulk.update([row], endpoint, namespace=namespace, dry_run=dry_run, progress="none")
        assert report.done == (not dry_run)
        found.append("".join(record.getMessage() for record in caplog.records if record.levelname == "WARNING"))
    assert found[0] == found[1]
    return found[0]
