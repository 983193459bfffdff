"""The connection that the tutorial shows."""

from __future__ import annotations

import re

from tests.support.airflow_home import ROOT


def tutorial_connection() -> dict[str, str]:
    """Return the values of the connection form by label."""
    section = (
        (ROOT / "docs/tutorial.md").read_text().partition("## 4. Add the connection")[2].partition("\n## ")[0]
    )
    return {
        label: value.strip("`")
        for label, value in re.findall(r"^\| ([A-Z][^|]*) \| (.*) \|$", section, re.MULTILINE)
    }
