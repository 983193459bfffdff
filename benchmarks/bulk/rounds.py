"""Rounds A, B, C, A, B, C, …: what else the machine does meanwhile then falls on all contenders alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.bulk.contenders import Case, Run

_ROOT = Path(__file__).parent.parent.parent

Runs = dict[str, list[Run]]


def interleaved(contenders: Mapping[str, Callable[[], Run]], rounds: int) -> Runs:
    """Run all contenders in turn, so many times; return the runs of each."""
    runs: Runs = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contend in contenders.items():
            runs[name].append(contend())
    return runs


def contender(name: str, case: Case) -> Callable[[], Run]:
    """Return what runs a contender in a fresh process."""

    def contend() -> Run:
        command = [sys.executable, "-m", "benchmarks.bulk.contenders", name, json.dumps(asdict(case))]
        # A proxy of this machine's is none of the contest.
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed\n{done.stderr}")
        return Run(**json.loads(done.stdout))

    return contend


def median(runs: list[Run], of: Callable[[Run], float]) -> float:
    """Return the median of a figure of the runs."""
    return statistics.median(map(of, runs))


def ratio(upper: list[Run], lower: list[Run], of: Callable[[Run], float]) -> float:
    """Return the median of the rounds' ratios, which is steadier than the ratio of the medians."""
    return statistics.median(of(one) / of(other) for one, other in zip(upper, lower, strict=True))


def rate(run: Run) -> float:
    """Return updates per second."""
    return run.rate


def seconds(run: Run) -> float:
    """Return seconds of the clock."""
    return run.seconds


def cpu_seconds(run: Run) -> float:
    """Return seconds of the processor."""
    return run.cpu_seconds


def peak_mb(run: Run) -> float:
    """Return the peak of the process's memory."""
    return run.peak_mb
