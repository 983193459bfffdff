"""Runs that are killed with ``kill -9`` at random moments until they complete."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.support.slow_server import SlowServer

IDS = 300
DONE = {"update": "updated", "upsert": "upserted"}
_DEADLINE_SECONDS = 120


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts over all inputs: ``resent`` requests, and ids that are ``stale``, with an old value at the end.

    Ids are ``overlapping`` with an old value after a newer one, or two requests of one process in flight at once.
    """

    kills: int = 0
    failed: int = 0
    inputs: int = 0
    completed: int = 0
    resent: int = 0
    stale: int = 0
    overlapping: int = 0

    def __str__(self) -> str:
        names = ("kills", "failed", "inputs", "completed", "resent", "stale", "overlapping")
        return ", ".join(f"{name} {getattr(self, name)}" for name in names)


def kill_in_a_loop(
    operation: str, kind: str, kills: int, folder: Path, random_value: random.Random, *, rows: int, limited: bool
) -> Tally:
    """Process inputs of ``rows`` rows until there were so many kills, each amid requests.

    If ``limited``, rows are sent at a rate: more slowly than they are read.
    """
    tally = Tally()
    for number in count():
        if tally.kills >= kills:
            return tally
        with SlowServer() as server:
            server.seconds, server.slow_share, server.slow_seconds = 0.001, 0.01, 0.6
            order = [place % IDS for place in range(rows)]
            random_value.shuffle(order)
            _process(
                operation, kind, limited, folder / f"{kind}{number}", order, kills, server, random_value, tally
            )
            tally.resent += len(server.times) - rows
            examine(server, tally)
    raise AssertionError  # the loop returns


def _process(
    operation: str,
    kind: str,
    limited: bool,
    folder: Path,
    order: list[int],
    kills: int,
    server: SlowServer,
    random_value: random.Random,
    tally: Tally,
) -> None:
    folder.mkdir()
    path, checkpoint = folder / "rows.jsonl", folder / "checkpoint"
    path.write_text("".join(f'{{"id":"v{id}","data":"{number}"}}\n' for number, id in enumerate(order)))
    tally.inputs += 1
    for _ in range(kills + 20):
        killing = tally.kills < kills
        # slower than rows are settled, so that a resumed run reads those above the watermark bit by bit
        rate = 0 if not limited else random_value.choice([1_000, 40]) if killing else 1_000
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.killed_run",
                operation,
                server.url,
                str(path),
                str(checkpoint),
                kind,
            ]
            + ([str(rate)] if rate else []),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        requests = random_value.randrange(1, 60 if rate == 40 else 600)
        if killing and kill_after(process, server, len(server.times) + requests):
            tally.kills += 1
            process.communicate(timeout=_DEADLINE_SECONDS)
        else:
            output, _ = process.communicate(timeout=_DEADLINE_SECONDS)
            if process.returncode == 0:
                tally.completed += json.loads(output)[DONE[operation]] == len(order)
                return
            tally.failed += 1
        server.begin_process()


def kill_after(process: subprocess.Popen[str], server: SlowServer, requests: int) -> bool:
    """Kill after so many requests; return whether the process was still running."""
    end = time.monotonic() + _DEADLINE_SECONDS
    while len(server.times) < requests and process.poll() is None:
        assert time.monotonic() < end, "the run makes no progress"
        time.sleep(0.002)
    if process.poll() is not None:
        return False
    process.kill()
    return True


def examine(server: SlowServer, tally: Tally) -> None:
    """Count the stale and overlapping ids of an input; the data of each row is its number."""
    for key, received in server.received.items():
        numbers = [*map(int, received)]
        tally.stale += numbers[-1] != max(numbers)
        tally.overlapping += numbers != sorted(numbers) or key in server.overlapping
