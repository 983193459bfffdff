"""Imports that the contracts in pyproject.toml cannot check: modules of Airflow, and modules that are loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from airflow_provider_upstash_vector import bulk, client, dev_server
from tests.support.airflow_features import AIRFLOW

OURS = "airflow_provider_upstash_vector"
ROOT = Path(__file__).parent.parent.parent / OURS

# Airflow is imported through common-compat, except names that it does not have.
COMPAT = "airflow.providers.common.compat"
PAST_COMPAT = {
    ("airflow_commands.py", "airflow.cli.cli_config"),
    ("assets/upstash_vector.py", "airflow.models.connection"),
    ("hooks/connection_settings.py", "airflow.sdk.log"),
    ("hooks/connection_settings.py", "airflow.utils.log.secrets_masker"),
    ("lineage.py", "airflow.providers.openlineage.extractors"),
    ("operators/base/lineage.py", "airflow.providers.openlineage.extractors"),
    ("plugins/access.py", "airflow.api_fastapi.app"),
    ("plugins/access.py", "airflow.api_fastapi.auth.managers.models.resource_details"),
    ("plugins/access.py", "airflow.models.connection"),
    ("plugins/access.py", "airflow.models.dag"),
    ("plugins/access.py", "airflow.utils.session"),
    ("plugins/app.py", "airflow.api_fastapi.core_api.security"),
    ("plugins/runs.py", "airflow.models.dagrun"),
    ("plugins/runs.py", "airflow.models.renderedtifields"),
    ("plugins/runs.py", "airflow.models.taskinstance"),
    ("plugins/runs.py", "airflow.models.xcom"),
    ("plugins/runs.py", "airflow.utils.session"),
    ("retry_policies/upstash_vector.py", "airflow.sdk"),
    ("triggers/upstash_vector.py", "airflow.triggers.base"),
}
COMMANDS = {f"{OURS}.{name}" for name in ("bulk", "client", "command_line", "hooks")}
# Airflow 3.0 imports FastAPI in its tasks
PAGES = {f"{OURS}.index_page", *(("fastapi", "starlette") if AIRFLOW >= (3, 1) else ())}
HEAVY = {"airflow", "httpx", "numpy", "pydantic", "starlette", "uvicorn"}


def imports() -> Iterator[tuple[str, str]]:
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path.relative_to(ROOT).as_posix(), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield path.relative_to(ROOT).as_posix(), node.module


def test_airflow_is_imported_through_common_compat() -> None:
    of_airflow = {(path, module) for path, module in imports() if module.split(".")[0] == "airflow"}
    assert len(of_airflow) > len(PAST_COMPAT)
    assert {pair for pair in of_airflow if not f"{pair[1]}.".startswith(f"{COMPAT}.")} == PAST_COMPAT


def loaded_by(code: str, folder: Path | None = None) -> set[str]:
    """Return the modules that a new Python has loaded after ``code``, and their top-level packages."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, timeout=120)
    modules = process.stdout.split()
    return {*modules, *(module.split(".")[0] for module in modules)}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (f"import {OURS}", HEAVY),
        (f"import {OURS}; {OURS}.get_provider_info()", HEAVY),
        (f"from {OURS}.client import VectorClient", {"airflow", "httptools", "numpy", "starlette"}),
        (f"from {OURS}.client import AsyncVectorClient", {"airflow", "httpx", "starlette"}),
        (
            f"from {OURS}.bulk import update",
            {"airflow", "httpx", "numpy", "pyarrow", "pandas", "rich", "starlette"},
        ),
        (f"from {OURS}.dev_server import DevServer", {"airflow", "httpx", "pydantic"}),
        (f"import {OURS}.operators.upstash_vector", {"numpy", *PAGES}),
        (f"import {OURS}.sensors.upstash_vector, {OURS}.triggers.upstash_vector", PAGES),
        (f"import {OURS}.plugins.upstash_vector", PAGES),
        (f"from {OURS}.airflow_commands import get_cli_commands; get_cli_commands()", COMMANDS),
    ],
)
def test_an_import_does_not_load(code: str, absent: set[str]) -> None:
    assert not loaded_by(code) & absent


def test_parquet_is_read_without_pandas(tmp_path: Path) -> None:
    for name, kind in (("list", pa.list_(pa.float32())), ("fixed", pa.list_(pa.float64(), 2))):
        vector, metadata = pa.array([[1.0, 2.0]], kind), pa.array([{"n": 1, "f": 0.5}])
        table = pa.table({"id": ["a"], "vector": vector, "metadata": metadata})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    code = f"from {OURS}.bulk.sources import FieldNames, open_source"
    modules = loaded_by(f"{code}\nassert len([*open_source('*.parquet', FieldNames()).rows(0)]) == 2", tmp_path)
    assert "pyarrow" in modules
    assert "pandas" not in modules


def test_pytest_loads_nothing_but_the_plugin_until_its_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_empty.py").write_text("def test_empty(): pass\n")
    loaded = loaded_by("import pytest; assert pytest.main(['--collect-only']) == 0", tmp_path)
    assert {module for module in loaded if module.startswith(OURS)} == {
        OURS,
        f"{OURS}.dev_server",
        f"{OURS}.dev_server.pytest_plugin",
    }
    assert not loaded & HEAVY


@pytest.mark.parametrize("package", [bulk, client, dev_server])
def test_unknown_names_of_the_lazy_packages(package: object) -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing  # type: ignore[attr-defined]
