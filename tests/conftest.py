"""Setup of all tests: their own Airflow home, and no credentials or proxies of the environment."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does. `make test-long` loads "wide".
settings.register_profile("quick", deadline=None, max_examples=40)
settings.register_profile("wide", deadline=None, max_examples=200)
settings.load_profile("quick")

# Without bytecode, each process that imports Airflow compiles it, which takes as long as its import.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# for tests/client/test_any_index.py, which uses a namespace of its own
REAL_INDEX = {name: os.environ.get(name) for name in ("UPSTASH_VECTOR_REST_URL", "UPSTASH_VECTOR_REST_TOKEN")}

# Settings of an Airflow, an index or a proxy of this machine must not affect the tests.
for _name in list(os.environ):
    if _name.startswith(("UPSTASH_VECTOR_", "AIRFLOW_")) or _name.lower().endswith("_proxy"):
        del os.environ[_name]

# Airflow reads these when it is imported, so they are set before any test module is imported.
_HOME = tempfile.mkdtemp(prefix="upstash-vector-airflow-")
os.environ["AIRFLOW_HOME"] = _HOME
os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = f"{_HOME}/dags"
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

# Without -W, importing Airflow puts `default::DeprecationWarning:airflow` before pytest's filters. It also matches
# our package's name, so that the errors of pyproject.toml would become warnings.
sys.warnoptions.append("default::DeprecationWarning:__main__")  # as Python has it anyway

pytest_plugins = ["tests.support.airflow_features", "tests.support.index_fixtures", "tests.support.airflow_home"]


LIVE_AIRFLOW = ("tests/system/live/", "tests/system/ui/")
LONG_FILES = ("tests/system/", "tests/project/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests with a live Airflow first, then the other long files: xdist keeps the order of files."""
    items.sort(key=lambda item: [not item.nodeid.startswith(first) for first in (LIVE_AIRFLOW, LONG_FILES)])


@pytest.hookimpl(optionalhook=True)  # `make test-matrix` has no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run all tests with a live Airflow in one process, one at a time, and those of any other file in one."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - as above

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # without types
        def _split_scope(self, nodeid: str) -> str:
            return "live Airflow" if nodeid.startswith(LIVE_AIRFLOW) else super()._split_scope(nodeid)

    return Scheduling(config, log)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a value with an address in its repr by its argument: the names must be the same in every process."""
    return argname if " at 0x" in repr(val) else None
