"""The provider in Airflow's commands, and the parsing of its example DAGs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from airflow_provider_upstash_vector import __version__, get_provider_info
from tests.support.airflow_home import ROOT

NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto"}:
        raise AssertionError(f"{event} while the DAG was parsed: {arguments}")

sys.addaudithook(refuse)
import runpy
for file in sys.argv[1:]:
    print(file, file=sys.stderr)
    runpy.run_path(file)
"""


def airflow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "default", "-m", "airflow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.usefixtures("airflow_home")
def test_providers_list_and_hooks_show_it_without_a_warning() -> None:
    listed = airflow("providers", "list", "--output", "json")
    hooks = airflow("providers", "hooks", "--output", "json")
    for output in (listed, hooks):
        for line in (output.stdout + output.stderr).splitlines():
            if "upstash" in line.lower():
                assert not any(word in line.lower() for word in ("warn", "error", "deprecat")), line
    (ours,) = [row for row in rows(listed.stdout) if row["package_name"] == "airflow-provider-upstash-vector"]
    assert ours["version"] == __version__
    (hook,) = [row for row in rows(hooks.stdout) if row["connection_type"] == "upstash_vector"]
    assert hook["class"] == "airflow_provider_upstash_vector.hooks.upstash_vector.UpstashVectorHook"
    assert hook["hook_name"] == "Upstash Vector"


def rows(output: str) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(output[output.index("[{") :])
    return listed


def test_the_entry_point_is_get_provider_info() -> None:
    (ours,) = [
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.value.startswith("airflow_provider_upstash")
    ]
    assert ours.load() is get_provider_info
    assert get_provider_info()["package-name"] == "airflow-provider-upstash-vector"


@pytest.mark.usefixtures("airflow_home")
def test_parsing_a_dag_opens_no_connection() -> None:
    files = sorted((ROOT / "example_dags").glob("*.py"))
    assert files
    command = [sys.executable, "-c", NO_NETWORK, *map(str, files)]
    parsed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert parsed.returncode == 0, parsed.stderr
