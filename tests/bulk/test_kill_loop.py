"""``kill -9`` in a loop, with rows of every kind of source, with and without a rate."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.support.kill_loop import kill_in_a_loop
from tests.support.killed_run import KINDS

LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]
CASES = [
    *[pytest.param(kind, False, 1, 600, id=f"{kind}-short") for kind in ("generator", "jsonl", "pipe")],
    *[
        pytest.param(kind, limited, 3, 1_000, marks=LONG, id=f"{kind}-{'rate' if limited else 'free'}")
        for kind in KINDS
        for limited in (False, True)
    ],
    pytest.param("generator", False, 30, 6_000, marks=LONG, id="generator-many"),
    pytest.param("jsonl", True, 30, 6_000, marks=LONG, id="jsonl-many"),
]


@pytest.mark.parametrize(("kind", "limited", "kills", "rows"), CASES)
def test_every_vector_has_its_newest_value_after_kills(
    kind: str, limited: bool, kills: int, rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = kill_in_a_loop(kind, kills, tmp_path, random.Random(), rows=rows, limited=limited)
    with capsys.disabled():
        sys.stdout.write(f"\n{kind:9} {'with a rate' if limited else 'no rate':11} {tally}\n")
    assert tally.kills >= kills
    assert tally.completed == tally.inputs
    assert (tally.failed, tally.stale, tally.overlapping) == (0, 0, 0)
    assert tally.resent <= 64 * tally.kills
