"""Interleaved runs (A, B, C, A, B, C, …), so that other load on the machine affects all contenders alike."""

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
    """Run all contenders in turn, ``rounds`` times; return the runs of each."""
    runs: Runs = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run_once in contenders.items():
            runs[name].append(run_once())
    return runs


def contender(name: str, case: Case, module: str = "benchmarks.bulk.contenders") -> Callable[[], Run]:
    """Return a function that runs a contender in a new process."""

    def run_once() -> Run:
        command = [sys.executable, "-m", module, name, json.dumps(asdict(case))]
        # without a proxy of this machine
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        own = {"SSL_CERT_FILE": case.certificate, "HTTPS_PROXY": case.proxy}
        environment.update({key: value for key, value in own.items() if value is not None})
        process = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1800
        )
        if process.returncode:
            raise SystemExit(f"{name} failed\n{process.stderr}")
        return Run(**json.loads(process.stdout))

    return run_once


def median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    """Return the median of a figure of the runs."""
    return statistics.median(map(figure, runs))


def ratio(upper: list[Run], lower: list[Run], figure: Callable[[Run], float]) -> float:
    """Return the median of the ratios of the rounds, which varies less than the ratio of the medians."""
    return statistics.median(figure(above) / figure(below) for above, below in zip(upper, lower, strict=True))


def rate(run: Run) -> float:
    """Return rows per second."""
    return run.rate


def seconds(run: Run) -> float:
    """Return wall-clock seconds."""
    return run.seconds


def cpu_seconds(run: Run) -> float:
    """Return CPU seconds."""
    return run.cpu_seconds


def peak_mb(run: Run) -> float:
    """Return the peak memory of the process."""
    return run.peak_mb
