"""The recipe for testing a DAG works as it is printed, on the first DAG of the README."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support.airflow_home import ROOT, AirflowHome, readme_snippets


def test_a_dag_is_tested(airflow_home: AirflowHome, tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/dev-server.md").read_text()
    (test,) = re.findall(r"```python\n(import json.*?)```", page, re.DOTALL)
    (tmp_path / "test_tag_movie.py").write_text(test)
    (tmp_path / "tag_movie.py").write_text(readme_snippets()[0])
    ((migrate, command),) = re.findall(
        r"^(airflow db migrate)\npython (-m pytest test_\w+.py)$", page, re.MULTILINE
    )
    assert migrate  # which this home has seen
    done = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=tmp_path,
        env={**os.environ, "AIRFLOW_HOME": str(airflow_home.path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
