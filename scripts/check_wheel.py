"""Build the wheel and use it as one who has installed it: in a clean environment, without the checkout."""

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

# Prints the modules that cannot be imported, each with the module that it misses.
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
(entry,) = (each for each in entry_points(group="apache_airflow_provider") if each.value.startswith("{PACKAGE}"))
schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
jsonschema.validate(entry.load()(), schema)
"""


def main(folder: Path) -> None:
    """Run the steps one after the other; the first that fails ends the check with its output."""
    shutil.rmtree(folder, ignore_errors=True)
    wheel = built(folder.with_name("dist"))
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
            may_miss={"starlette", "uvicorn", "snowballstemmer", "stop_words", "pyarrow", "pytest"},
        )
        run(python, "-c", VALIDATE, environ=environ, cwd=home)
        listed = run(folder / "bin/airflow", "providers", "list", "--output", "plain", environ=environ, cwd=home)
        require("airflow-provider-upstash-vector" in listed, f"airflow does not list the provider:\n{listed}")
        run_readme_dag(folder, Path(home), environ)
        for extra in EXTRAS:
            install(python, f"{wheel}[{extra}]")
        check_imports(python, environ, may_miss={"pytest"})
        run(python, "-m", f"{PACKAGE}.dev_server", "--help", environ=environ, cwd=home)
    print(f"{wheel.name}: installed, imported, listed and run")


def built(folder: Path) -> Path:
    """Return the wheel, built anew, after a look at what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    require(f"{PACKAGE}/py.typed" in names, "py.typed is not in the wheel")
    strangers = [name for name in names if not name.startswith((f"{PACKAGE}/", f"{PACKAGE}-"))]
    require(not strangers, f"these do not belong into the wheel: {strangers}")
    return wheel


def install(python: Path, wheel: str) -> None:
    """Install the wheel, perhaps with an extra, and what it needs in the pinned versions."""
    constraints = ROOT / "requirements-dev.txt"
    run(UV, "pip", "install", "--quiet", "--python", python, "-c", constraints, wheel, "apache-airflow")


def check_imports(python: Path, environ: dict[str, str], *, may_miss: set[str]) -> None:
    """Import every module of the package, from the environment and not from here."""
    where, missing = run(python, "-c", f"import sys\n{IMPORT_ALL}", environ=environ, cwd="/").splitlines()[-2:]
    require(Path(where).is_relative_to(python.parent.parent), f"{PACKAGE} was imported from {where}")
    wrong = {module: name for module, name in json.loads(missing).items() if name not in may_miss}
    require(not wrong, f"these modules cannot be imported: {wrong}")


def run_readme_dag(folder: Path, home: Path, environ: dict[str, str]) -> None:
    """Run the first DAG of the README against a dev server of the checkout."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    source = next(block for block in blocks if "DAG(" in block)
    dag_id = re.findall(r'DAG\("(\w+)"', source)[0]
    (home / "dags").mkdir()
    (home / "dags/readme.py").write_text(source)
    with DevServer() as server, VectorClient(Endpoint.of(server.url, server.token)) as client:
        client.upsert([{"id": "movie-1", "vector": [0, 1], "metadata": {"genre": "drama", "draft": True}}])
        connection = {"conn_type": "upstash_vector", "host": server.url, "password": server.token}
        environ = {**environ, "AIRFLOW_CONN_UPSTASH_VECTOR_DEFAULT": json.dumps(connection)}
        run(folder / "bin/airflow", "db", "migrate", environ=environ, cwd=home)
        run(folder / "bin/airflow", "dags", "test", dag_id, environ=environ, cwd=home)
        (found,) = client.fetch(["movie-1"], include_metadata=True)
    require(found is not None and found.metadata == {"genre": "comedy"}, f"{dag_id} has left {found}")


def run(*command: object, environ: dict[str, str] | None = None, cwd: object = ROOT) -> str:
    """Run a command; return what it prints."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environ, cwd=str(cwd), capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{' '.join(words[:5])} …\n{done.stdout}\n{done.stderr}")
    return done.stdout


def require(holds: bool, message: str) -> None:  # noqa: FBT001 - reads as an assertion does
    """End the check where something does not hold."""
    if not holds:
        sys.exit(f"wheel: {message}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
