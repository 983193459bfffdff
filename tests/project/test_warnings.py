"""Warnings caused by this package are errors in the tests, on every version of Airflow."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import airflow.configuration
import pytest

from tests.support.airflow_features import AIRFLOW

MODULE = "airflow_provider_upstash_vector.hooks.upstash_vector"
ROOT = Path(__file__).parent.parent.parent


def warn_from(module: str) -> None:
    """Warn as if ``module`` used something deprecated."""
    warnings.warn_explicit("it is deprecated", DeprecationWarning, "file.py", 1, module)


try:  # during collection, when modules are imported
    warn_from(MODULE)
except DeprecationWarning:
    WHEN_COLLECTED = True
else:
    WHEN_COLLECTED = False


def test_a_warning_is_an_error_while_modules_are_imported_and_while_tests_run() -> None:
    assert airflow.configuration  # its import changes the filters
    assert WHEN_COLLECTED
    with pytest.raises(DeprecationWarning):
        warn_from(MODULE)


def test_importing_every_module_gives_no_warning() -> None:
    unused = f"{MODULE.partition('.')[0]}.plugins." if AIRFLOW < (3,) else "no module"  # its UI has no such pages
    script = f"""
import warnings
import airflow.configuration  # puts its own filters first
warnings.filterwarnings("error", module="{MODULE.partition(".")[0]}")
import importlib, pkgutil
import {MODULE.partition(".")[0]} as package
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__") and not module.name.startswith("{unused}"):
        importlib.import_module(module.name)
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, timeout=120)
