"""The pictures of the README."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_the_readme_shows_pictures_that_are_there_and_small() -> None:
    shown = re.findall(r"!\[[^]]+\]\((docs/[^)]+\.png)\)", (ROOT / "README.md").read_text())
    assert shown
    for picture in {ROOT / name for name in shown} | {*(ROOT / "docs/images").glob("*.png")}:
        assert picture.stat().st_size < 150_000
