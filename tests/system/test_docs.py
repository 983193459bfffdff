"""The documentation: it builds without a broken link, its DAGs run, and it leaves no argument or error out."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any, get_args

import pytest

from airflow_provider_upstash_vector.bulk import errors as bulk_errors
from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.client import errors as client_errors
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.dev_server import DevServer
from airflow_provider_upstash_vector.operators.upstash_vector import (
    BulkUpdateVectorsOperator,
    UpdateVectorOperator,
)
from airflow_provider_upstash_vector.operators.writing import WritingOperator
from airflow_provider_upstash_vector.sensors.upstash_vector import UpstashVectorIndexReadySensor
from tests.airflow_home import ROOT, AirflowHome
from tests.system.dag_runs import DagRun, load_dags

DOCS = ROOT / "docs"
MOVIES = [{"id": f"movie-{number}", "vector": [number, 1], "data": "old"} for number in (1, 2, 3)]


def python_blocks() -> list[tuple[str, str]]:
    """Return page and text of each Python block; included files are tested where they stand."""
    found = []
    for page in sorted(DOCS.rglob("*.md")):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        found += [(str(page.relative_to(DOCS)), block) for block in blocks if "--8<--" not in block]
    return found


DAGS = [(page, block) for page, block in python_blocks() if "DAG(" in block]


def test_it_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?(?:https?:)?//[^\s\">]+", page.read_text())
        fetched += re.findall(r"<link[^>]* rel=\"?(?:stylesheet|preconnect)[^>]*//[^>]+", page.read_text())
        assert not fetched, (page.name, fetched)
    shown = "".join(unescape(re.sub(r"<[^>]*>", "", page.read_text())) for page in tmp_path.rglob("*.html"))
    for example in (ROOT / "example_dags").glob("*.py"):
        assert example.read_text().strip() in shown, f"{example.name} is in no page"
    assert "--8" not in shown


def test_the_reference_shows_every_class_with_its_docstring(tmp_path: Path) -> None:
    for page in (DOCS / "reference").glob("*.md"):
        for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE):
            target: Any = _found(name)
            assert inspect.getdoc(target), name


def _found(name: str) -> Any:
    module, _, last = name.rpartition(".")
    imported = __import__(module, fromlist=[last])
    return getattr(imported, last, None) or __import__(name, fromlist=[last])


@pytest.mark.parametrize(("page", "block"), python_blocks())
def test_every_block_compiles(page: str, block: str) -> None:
    ast.parse(block, page)


@pytest.mark.usefixtures("connection")
@pytest.mark.parametrize("number", range(len(DAGS)))
def test_the_dags_run(airflow_home: AirflowHome, server: DevServer, number: int) -> None:
    with VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert(MOVIES)
    file = airflow_home.dags / f"docs_{number}.py"
    file.write_text(DAGS[number][1])
    (dag,) = load_dags(file).values()
    assert DagRun(dag).state == "success"
    assert server.requests["update"]


def test_there_are_dags_to_run() -> None:
    assert len(DAGS) == 4


@pytest.mark.parametrize("module", [client_errors, bulk_errors])
def test_every_error_is_in_the_catalogue(module: Any) -> None:
    text = (DOCS / "errors.md").read_text()
    own = [value for value in vars(module).values() if inspect.isclass(value)]
    names = [one.__name__ for one in own if issubclass(one, UpstashVectorError)]
    assert names
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_reason_to_stop_is_in_the_catalogue() -> None:
    text = (DOCS / "errors.md").read_text()
    assert [reason for reason in get_args(bulk_errors.Reason) if f"`{reason}`: " not in text] == []


@pytest.mark.parametrize(
    ("page", "classes"),
    [
        ("update-vector.md", (UpdateVectorOperator, WritingOperator)),
        ("bulk-update.md", (BulkUpdateVectorsOperator, WritingOperator)),
        ("sensor.md", (UpstashVectorIndexReadySensor,)),
    ],
)
def test_every_argument_is_in_its_how_to(page: str, classes: tuple[Any, ...]) -> None:
    text = (DOCS / "how-to" / page).read_text()
    for one in classes:
        parameters = inspect.signature(inspect.unwrap(one.__init__)).parameters.values()
        names = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
        assert names
        assert sorted(name for name in names if f"`{name}`" not in text) == []
