"""The screenshots of the README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def test_the_screenshots_of_the_readme_exist_and_are_small() -> None:
    shown = re.findall(r"!\[[^]]+\]\((docs/[^)]+\.png)\)", (ROOT / "README.md").read_text())
    assert shown
    for picture in {ROOT / name for name in shown} | {*(ROOT / "docs/images").glob("*.png")}:
        assert picture.stat().st_size < 150_000


@pytest.mark.parametrize("passed", [True, False])
def test_old_screenshots_are_kept_unless_the_tests_pass(tmp_path: Path, passed: bool) -> None:
    for name, text in {
        "Makefile": (ROOT / "Makefile").read_text(),
        "docs/images/old.png": "",
        "scripts/install-chromium": "#!/bin/sh\n",
        "bin/pytest": f"#!/bin/sh\nmkdir -p $SCREENSHOTS\ntouch $SCREENSHOTS/new.png\nexit {not passed:d}\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    result = subprocess.run(
        ["make", "--assume-old=.venv/ready", "screenshots", "BIN=bin"],  # noqa: S607 - make is on the PATH
        cwd=tmp_path,
        check=False,
        timeout=120,
    )
    assert (result.returncode == 0) is passed
    pictures = {picture.name for picture in (tmp_path / "docs/images").iterdir()}
    assert pictures == ({"new.png"} if passed else {"old.png"})
