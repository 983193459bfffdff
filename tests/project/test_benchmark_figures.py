"""The figures in the documentation are those of the last benchmark."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.airflow_home import ROOT

MEDIANS: dict[str, dict[str, Any]] = json.loads((ROOT / "benchmarks/results/bulk.json").read_text())["medians"]
TEXT = (ROOT / "docs/why-not-the-sdk.md").read_text()


def two_digits(value: float) -> str:
    """Return the figure as the page writes it."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}"


def row(title: str) -> list[str]:
    """Return the cells beside a title."""
    (cells,) = re.findall(rf"^\| {re.escape(title)} \| (.*) \|$", TEXT, re.MULTILINE)
    return [str(cell) for cell in cells.split(" | ")]


@pytest.mark.parametrize(
    ("title", "part", "contender"),
    [
        ("`bulk.update` of this provider, 32 connections", "vendor", "ours"),
        ("`AsyncIndex` of the SDK, 32 tasks", "vendor", "vendor_async"),
        ("`Index` of the SDK, one call after another", "vendor", "vendor_sync"),
        ("one mapped task for each update", "mapped", "mapped_tasks"),
    ],
)
def test_the_rates(title: str, part: str, contender: str) -> None:
    assert row(title) == [two_digits(MEDIANS[part][contender]["rows_per_second"])]


@pytest.mark.parametrize(("title", "contender"), [("100,000 rows", "rows_100k"), ("1,000,000 rows", "rows_1m")])
def test_the_files(title: str, contender: str) -> None:
    run = MEDIANS["files"][contender]
    assert row(title) == [two_digits(run["seconds"]), f"{two_digits(run['peak_mb'])} MB"]


def test_the_rates_in_sentences() -> None:
    with_latency = two_digits(MEDIANS["delay_500"]["ours"]["rows_per_second"])
    assert f"a bulk run with `max_concurrency=512` {with_latency}." in TEXT
    mapped = f"about {MEDIANS['mapped']['mapped_tasks']['rows_per_second']:.0f} mapped tasks a second"
    assert mapped in (ROOT / "docs/how-to/scaling.md").read_text()
