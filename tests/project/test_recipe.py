"""The recipe for testing a DAG, as printed, in a project of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.airflow_home import ROOT


@pytest.mark.long
def test_the_recipe_for_testing_a_dag(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/test-a-dag.md").read_text()
    files = re.findall(r'```python title="(\S+)"\n(.*?)```', page, re.DOTALL)
    assert len(files) == 3
    for name, source in files:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTEST_"))}
    (command,) = re.findall(r"```sh\npython (.*)\n```", page)
    tested = subprocess.run(
        [sys.executable, *command.split()],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
