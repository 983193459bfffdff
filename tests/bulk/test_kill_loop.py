"""``kill -9`` in a loop, with rows of every kind of source, with and without a rate."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.support.kill_loop import kill_in_a_loop
from tests.support.killed_run import KINDS, MAX_IN_FLIGHT, MAX_ROWS

LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]
CASES = [
    *[pytest.param("update", kind, False, 1, 600, id=f"{kind}-short") for kind in ("generator", "jsonl", "pipe")],
    pytest.param("upsert", "jsonl", False, 1, 3_000, id="upsert-short"),
    *[
        pytest.param(
            operation, kind, limited, 3, rows, marks=LONG, id=f"{operation}-{kind}-{'rate' if limited else 'free'}"
        )
        for operation, rows in (("update", 1_000), ("upsert", 3_000))
        for kind in KINDS
        for limited in (False, True)
    ],
    pytest.param("update", "generator", False, 30, 6_000, marks=LONG, id="generator-many"),
    pytest.param("update", "jsonl", True, 30, 6_000, marks=LONG, id="jsonl-many"),
    pytest.param("upsert", "jsonl", False, 30, 20_000, marks=LONG, id="upsert-many"),
    pytest.param("upsert", "jsonl", False, 10, 100_000, marks=LONG, id="upsert-most"),
]


@pytest.mark.parametrize(("operation", "kind", "limited", "kills", "rows"), CASES)
def test_every_vector_has_its_newest_value_after_kills(
    operation: str,
    kind: str,
    limited: bool,
    kills: int,
    rows: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = kill_in_a_loop(operation, kind, kills, tmp_path, random.Random(), rows=rows, limited=limited)
    with capsys.disabled():
        sys.stdout.write(f"\n{operation} {kind:9} {'with a rate' if limited else 'no rate':11} {tally}\n")
    assert tally.kills >= kills
    assert tally.completed == tally.inputs
    assert (tally.failed, tally.stale, tally.overlapping) == (0, 0, 0)
    assert tally.resent <= MAX_IN_FLIGHT * tally.kills * (MAX_ROWS if operation == "upsert" else 1)
