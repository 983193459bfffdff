"""An Airflow home with a migrated metadata database, made once for a test run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def airflow_home() -> str:
    """Migrate the database of ``AIRFLOW_HOME`` where that has not been done."""
    home = os.environ["AIRFLOW_HOME"]
    migrated = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], capture_output=True, text=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr
    return home
