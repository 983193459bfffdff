"""Build the wheel and test it in a clean environment, without the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from airflow_provider_upstash_vector.client import Endpoint, VectorClient
from airflow_provider_upstash_vector.dev_server import DevServer

ROOT = Path(__file__).parent.parent
UV = ROOT / ".venv/bin/uv"
PACKAGE = "airflow_provider_upstash_vector"
EXTRAS = ("dev-server", "parquet", "zstd")

# Prints the modules that cannot be imported, with the name of the missing module.
IMPORT_ALL = f"""
import importlib, json, pkgutil, {PACKAGE} as package
missing = {{}}
for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=lambda name: None):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        missing[module.name] = error.name
print(package.__file__, json.dumps(missing), sep="\\n")
"""
VALIDATE = f"""
import json
from importlib.metadata import entry_points
from importlib.resources import files
import jsonschema
(entry,) = (item for item in entry_points(group="apache_airflow_provider") if item.value.startswith("{PACKAGE}"))
schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
jsonschema.validate(entry.load()(), schema)
"""


def main(folder: Path) -> None:
    """Run the steps; the first that fails ends the check with its output."""
    shutil.rmtree(folder, ignore_errors=True)
    wheel = build(folder.with_name("dist"))
    python = folder / "bin/python"
    run(UV, "venv", "--quiet", "--python", sys.executable, folder)
    install(python, str(wheel))
    with tempfile.TemporaryDirectory(prefix="upstash-vector-wheel-") as home:
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTHON"))},
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        check_imports(
            python,
            environ,
            may_lack={"starlette", "uvicorn", "snowballstemmer", "pyarrow", "pytest"},
        )
        run(python, "-c", VALIDATE, environ=environ, cwd=home)
        listed = run(folder / "bin/airflow", "providers", "list", "--output", "plain", environ=environ, cwd=home)
        require("airflow-provider-upstash-vector" in listed, f"airflow does not list the provider:\n{listed}")
        run_readme_dag(folder, Path(home), environ)
        for extra in EXTRAS:
            install(python, f"{wheel}[{extra}]")
        check_imports(python, environ, may_lack={"pytest"})
        run(python, "-m", f"{PACKAGE}.dev_server", "--help", environ=environ, cwd=home)
    print(f"{wheel.name}: installed, imported, listed and run")


def build(folder: Path) -> Path:
    """Build the wheel from scratch and check its contents; return its path."""
    shutil.rmtree(folder, ignore_errors=True)
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    require(f"{PACKAGE}/py.typed" in names, "py.typed is not in the wheel")
    unexpected = [name for name in names if not name.startswith((f"{PACKAGE}/", f"{PACKAGE}-"))]
    require(not unexpected, f"unexpected files in the wheel: {unexpected}")
    return wheel


def install(python: Path, wheel: str) -> None:
    """Install the wheel, which may have an extra, with its dependencies in the pinned versions."""
    constraints = ROOT / "requirements-dev.txt"
    run(UV, "pip", "install", "--quiet", "--python", python, "-c", constraints, wheel, "apache-airflow")


def check_imports(python: Path, environ: dict[str, str], *, may_lack: set[str]) -> None:
    """Import every module of the package from the environment, not from the checkout."""
    path, missing = run(python, "-c", f"import sys\n{IMPORT_ALL}", environ=environ, cwd="/").splitlines()[-2:]
    require(Path(path).is_relative_to(python.parent.parent), f"{PACKAGE} was imported from {path}")
    failed = {module: name for module, name in json.loads(missing).items() if name not in may_lack}
    require(not failed, f"these modules cannot be imported: {failed}")


def run_readme_dag(folder: Path, home: Path, environ: dict[str, str]) -> None:
    """Run the first DAG of the README against the dev server of the checkout."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    source = next(block for block in blocks if "DAG(" in block)
    dag_id = re.findall(r'DAG\("(\w+)"', source)[0]
    (home / "dags").mkdir()
    (home / "dags/readme.py").write_text(source)
    with DevServer() as server, VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": "movie-1", "vector": [0, 1], "metadata": {"genre": "drama", "year": 1951}}])
        connection = {"conn_type": "upstash_vector", "host": server.url, "password": server.token}
        environ = {**environ, "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT": json.dumps(connection)}
        run(folder / "bin/airflow", "db", "migrate", environ=environ, cwd=home)
        run(folder / "bin/airflow", "dags", "test", dag_id, environ=environ, cwd=home)
        (vector,) = client.fetch(["movie-1"], include_metadata=True)
    changed = {"genre": "comedy", "year": 1951}
    require(vector is not None and vector.metadata == changed, f"{dag_id} did not update: {vector}")


def run(*command: object, environ: dict[str, str] | None = None, cwd: object = ROOT) -> str:
    """Run a command; return its output. A failure ends the check."""
    words = [str(word) for word in command]
    process = subprocess.run(
        words, env=environ, cwd=str(cwd), capture_output=True, text=True, check=False, timeout=600
    )
    require(process.returncode == 0, f"{' '.join(words[:5])} failed:\n{process.stdout}\n{process.stderr}")
    return process.stdout


def require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads like an assertion
    """End the check with ``message`` if the condition does not hold."""
    if not holds:
        sys.exit(f"wheel: {message}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
