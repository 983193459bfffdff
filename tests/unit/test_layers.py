"""The import table of the architecture, checked by reading every module's imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_upstash_vector import client, dev_server

ROOT = Path(__file__).parent.parent.parent / "airflow_provider_upstash_vector"
OURS = "airflow_provider_upstash_vector"
GLUE = {"airflow.providers.common.compat.sdk"}

# folder or file -> what its modules may import besides the standard library and themselves
ALLOWED: dict[str, set[str]] = {
    "client/engines/httpx_engine.py": {
        "httpx",
        "httpcore",
        f"{OURS}.client.engines",
        f"{OURS}.client.errors",
        f"{OURS}.client.hidden_frames",
        f"{OURS}.client.wire",
    },
    "client/engines/aiohttp_engine.py": {
        "aiohttp",
        "yarl",
        f"{OURS}.client.engines",
        f"{OURS}.client.errors",
        f"{OURS}.client.hidden_frames",
        f"{OURS}.client.wire",
    },
    "client/engines/http1_engine.py": {
        f"{OURS}.client.engines",
        f"{OURS}.client.errors",
        f"{OURS}.client.wire",
    },
    "client/engines/http1_connection.py": {
        "httptools",
        f"{OURS}.client.redaction",
        f"{OURS}.client.engines",
        f"{OURS}.client.errors",
        f"{OURS}.client.wire",
    },
    "client/engines/http1_headers.py": {"httptools"},
    "client/engines/http1_connector.py": {
        "aiohappyeyeballs",
        f"{OURS}.client.engines",
        f"{OURS}.client.errors",
    },
    "client/engines/choice.py": {f"{OURS}.client.engines"},
    "client/engines/": {
        "certifi",
        f"{OURS}.client.errors",
        f"{OURS}.client.network",
        f"{OURS}.client.redaction",
        f"{OURS}.client.wire",
    },
    "client/redaction.py": set(),
    "client/hidden_frames.py": set(),
    "client/methods.py": set(),
    "client/": {"pydantic", "orjson", "numpy", "typing_extensions", f"{OURS}.client", f"{OURS}.__version__"},
    "bulk/sources/arrow_rows.py": {"pyarrow", "orjson", f"{OURS}.bulk"},
    "bulk/sources/parquet.py": {"pyarrow", f"{OURS}.bulk"},
    "bulk/progress.py": {"rich"},
    "bulk/": {"orjson", "typing_extensions", f"{OURS}.bulk", f"{OURS}.client"},
    "dev_server/pytest_plugin.py": {"pytest", f"{OURS}.dev_server"},
    "dev_server/embedding.py": {"numpy", "snowballstemmer", "stop_words"},
    "dev_server/": {"starlette", "uvicorn", "numpy", "typing_extensions", f"{OURS}.dev_server"},
    "assets/uris.py": {f"{OURS}.client"},
    "assets/upstash_vector.py": {
        *GLUE,
        "airflow.models.connection",
        "airflow.providers.common.compat.openlineage.facet",
        f"{OURS}.assets",
        f"{OURS}.client.hidden_frames",
        f"{OURS}.hooks.connection_settings",
    },
    "assets/": set(),
    "lineage.py": {
        *GLUE,
        "airflow.providers.common.compat.lineage.hook",
        "airflow.providers.common.compat.openlineage.facet",
        "airflow.providers.openlineage.extractors",
        f"{OURS}.assets",
    },
    "metrics.py": {*GLUE, f"{OURS}.bulk", f"{OURS}.client"},
    "retry_policies/": {"airflow.sdk", f"{OURS}.bulk", f"{OURS}.client", f"{OURS}.airflow_errors"},
    "hooks/connection_form.py": {"wtforms", f"{OURS}.provider_info"},
    "hooks/masking.py": {"airflow.sdk.log", "airflow.utils.log.secrets_masker"},
    "hooks/": {
        *GLUE,
        "typing_extensions",
        f"{OURS}.assets",
        f"{OURS}.bulk",
        f"{OURS}.client",
        f"{OURS}.hooks",
        f"{OURS}.provider_info",
    },
    "waiting/": {f"{OURS}.client", f"{OURS}.waiting"},
    "triggers/": {
        *GLUE,
        "airflow.triggers.base",
        "asgiref",
        "airflow.providers.common.compat.connection",
        f"{OURS}.client",
        f"{OURS}.hooks",
        f"{OURS}.waiting",
    },
    "sensors/": {
        *GLUE,
        f"{OURS}.airflow_errors",
        f"{OURS}.client",
        f"{OURS}.hooks",
        f"{OURS}.operators",
        f"{OURS}.waiting",
    },
    "decorators/": {
        *GLUE,
        f"{OURS}.airflow_errors",
        f"{OURS}.bulk",
        f"{OURS}.client",
        f"{OURS}.decorators",
        f"{OURS}.operators",
    },
    "links/": {*GLUE, "airflow.providers.common.compat.version_compat"},
    "operators/exact_templates.py": {*GLUE, "jinja2"},
    "operators/telling.py": {
        *GLUE,
        "airflow.providers.openlineage.extractors",
        f"{OURS}.hooks",
        f"{OURS}.lineage",
        f"{OURS}.operators",
    },
    "operators/": {
        *GLUE,
        "jinja2",
        f"{OURS}.bulk",
        f"{OURS}.client",
        f"{OURS}.hooks",
        f"{OURS}.links",
        f"{OURS}.operators",
        f"{OURS}.triggers",
        f"{OURS}.waiting",
        f"{OURS}.airflow_errors",
        f"{OURS}.lineage",
        f"{OURS}.metrics",
    },
    "airflow_errors.py": {*GLUE, f"{OURS}.bulk", f"{OURS}.client"},
    "provider_info.py": set(),
    "__init__.py": {f"{OURS}.provider_info"},
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield from (f"{OURS}.{alias.name}" for alias in node.names) if module == OURS else (module,)


def rule_of(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return next((rule for rule in ALLOWED if name == rule or (rule.endswith("/") and name.startswith(rule))), "")


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    rule = rule_of(path)
    assert rule, f"{path} belongs to no layer"
    for module in imports(path):
        if module.split(".")[0] in sys.stdlib_module_names:
            continue
        assert any(module == allowed or module.startswith(f"{allowed}.") for allowed in ALLOWED[rule]), (
            f"{rule} may not import {module}"
        )


def test_every_rule_has_a_module() -> None:
    assert {rule_of(path) for path in modules()} == set(ALLOWED)


def loaded_by(statement: str) -> set[str]:
    command = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        (f"import {OURS}", {"httpx", "airflow", "pydantic", "aiohttp", "numpy"}),
        (f"import {OURS}; {OURS}.get_provider_info()", {"httpx", "airflow", "pydantic"}),
        (f"from {OURS}.client import VectorClient", {"airflow", "aiohttp", "httptools", "numpy", "starlette"}),
        (f"from {OURS}.client import AsyncVectorClient", {"airflow", "httpx", "starlette", "aiohttp"}),
        (
            f"from {OURS}.bulk import run",
            {"airflow", "httpx", "aiohttp", "numpy", "pyarrow", "pandas", "rich", "starlette"},
        ),
        (f"from {OURS}.dev_server import DevServer", {"airflow", "httpx", "aiohttp", "pydantic"}),
        (f"import {OURS}.dev_server.pytest_plugin", {"starlette", "uvicorn", "numpy"}),
        (f"import {OURS}.operators.upstash_vector", {"aiohttp", "numpy"}),
    ],
)
def test_what_an_import_does_not_load(statement: str, absent: set[str]) -> None:
    assert not loaded_by(statement) & absent


def test_unknown_names_of_the_lazy_packages() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = client.Nothing
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dev_server.Nothing
