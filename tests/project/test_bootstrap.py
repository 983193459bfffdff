"""The bootstrap script, in temporary folders."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.airflow_home import ROOT


def test_an_environment_behind_a_link_is_not_emptied(tmp_path: Path) -> None:
    clone, other = tmp_path / "clone", tmp_path / "other"
    (clone / "scripts").mkdir(parents=True)
    other.mkdir()
    (other / "kept").touch()
    shutil.copy(ROOT / "scripts/bootstrap", clone / "scripts")
    (clone / ".venv").symlink_to(other)
    result = subprocess.run(
        [clone / "scripts/bootstrap"], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 1
    assert "symbolic link" in result.stderr
    assert (other / "kept").exists()


def test_git_ignores_the_environment() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert ".venv" in ignored  # ".venv/" would not match a link
