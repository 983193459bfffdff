"""``kill -9`` in a loop, with rows that are read more slowly than they are updated."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.support.kill_loop import kill_in_a_loop

LONG = [pytest.mark.long, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize("kind", ["generator", "file"])
@pytest.mark.parametrize(("kills", "rows"), [(3, 1_500), pytest.param(50, 6_000, marks=LONG)])
def test_every_vector_has_its_newest_value_after_kills(
    kind: str, kills: int, rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = kill_in_a_loop(kind, kills, tmp_path, random.Random(), rows=rows)
    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: {tally}\n")
    assert tally.kills >= kills
    assert tally.completed == tally.inputs
    assert (tally.failed, tally.stale, tally.overlapping) == (0, 0, 0)
    assert tally.resent <= 64 * tally.kills
