"""The arithmetic of scaling: the tables of the page are those that the script computes from documented limits."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from scripts import scaling
from tests.support.airflow_home import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "scaling-arithmetic.md").read_text()
LOAD, UPDATE, SYNC, EXPORT = scaling.JOBS


def test_the_tables_are_those_of_the_script() -> None:
    for table in scaling.tables():
        assert f"\n\n{table}\n" in PAGE, "print them with python -m scripts.scaling"


def test_the_limits_are_those_of_the_other_pages() -> None:
    limits, costs = (DOCS / "limits.md").read_text(), (DOCS / "costs.md").read_text()
    assert f"| writes | {scaling.WRITES_PER_SECOND:,} a second |" in limits
    assert f"dimensions, pay-as-you-go | {scaling.MAX_NUMBERS:,} |" in limits
    for plan, updates in scaling.DAILY_UPDATES.items():
        assert re.search(rf"^\| {plan} \| [\d,]+ \| {updates:,} \|", limits, re.MULTILINE)
    assert f"| ${100_000 * scaling.DOLLARS_PER_OPERATION:.2f} |" in costs
    assert f"| ${1e9 * scaling.DOLLARS_PER_BYTE:.2f} |" in costs
    assert f"beyond {scaling.FREE_BYTES / 1e9:.0f} GB a month" in costs


def test_the_prose_has_the_same_numbers() -> None:
    fits = scaling.MAX_NUMBERS // scaling.DIMENSION
    indexes = [-(-vectors // fits) for vectors in scaling.VECTOR_COUNTS[1:]]
    assert f"{fits:,} vectors of {scaling.DIMENSION:,}. 100 million take\n  {indexes[0]} indexes" in PAGE
    assert f"a billion {indexes[1]}," in PAGE
    minutes = LOAD.seconds(scaling.VECTOR_COUNTS[1] // indexes[0]) / 60
    assert f"million takes {minutes:.0f} minutes" in PAGE
    assert f"{scaling.ROW_BYTES / 1e3:g} KB for a row, a latency of {scaling.LATENCY_SECONDS * 1e3:g} ms" in PAGE
    assert f"\n{scaling.BYTES_PER_SECOND / 1e6:g} MB/s" in PAGE
    one, full, many = (
        scaling.duration(seconds)
        for seconds in (SYNC.seconds(10**9), LOAD.seconds(10**9), SYNC.seconds(10**9, scaling.WORKERS))
    )
    assert f"one worker {one} instead of {full}, and {scaling.WORKERS} workers {many}, at a hundredth" in PAGE
    times = [f"{job.cpu_microseconds:g} µs for" for job in scaling.JOBS]
    assert re.findall(r"\d+ µs for", PAGE) == times
    assert UPDATE.in_flight() == 50
    assert LOAD.in_flight() < 1
    assert (
        f"requests of 1 MB have {LOAD.batch} such rows. At 500 ms they are 500 and {LOAD.in_flight() * 10:.0f}"
        in PAGE
    )


@pytest.mark.parametrize("vectors", scaling.VECTOR_COUNTS)
def test_the_formula(vectors: int) -> None:
    """Worked out by hand."""
    assert LOAD.seconds(vectors) == UPDATE.seconds(vectors, 16) == vectors / 1_000
    assert SYNC.seconds(vectors) == pytest.approx(vectors * 300e-6)
    assert SYNC.seconds(vectors, 1_000) == pytest.approx(vectors * 0.01 / 1_000)
    assert EXPORT.seconds(vectors, 16) == pytest.approx(vectors * 500e-6 / 16)
    quick = replace(EXPORT, cpu_microseconds=10)
    assert quick.seconds(vectors, 16) == pytest.approx(vectors / 651 * (0.05 + 651 * 20_000 / 50e6) / 16)
    assert LOAD.operations(vectors) == vectors
    assert SYNC.operations(vectors) == vectors // 100 + vectors // 1_000
    assert EXPORT.operations(vectors) == -(-vectors // 651)


def test_a_worker_that_is_too_slow_bounds_a_load() -> None:
    slow = scaling.Job("slow", cpu_microseconds=4_000)
    assert (slow.seconds(1_000), slow.seconds(1_000, 4), slow.seconds(1_000, 8)) == (4, 1, 1)
    assert (slow.bound(), slow.workers(), LOAD.workers()) == ("processor", 4, 1)
