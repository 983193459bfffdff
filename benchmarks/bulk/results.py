"""What was measured against what is wanted: as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.bulk.rounds import Runs, median, peak_mb, rate, seconds
from benchmarks.bulk.sinks import nginx_version

_LIBRARIES = ("aiohttp", "apache-airflow", "httptools", "httpx", "numpy", "orjson", "upstash-vector")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure, and the bounds it is wanted in."""

    key: str
    what: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    @property
    def ok(self) -> bool:
        """Whether it is within."""
        return self.headroom >= 1

    @property
    def headroom(self) -> float:
        """How many times as good as wanted; below 1 it falls short."""
        over = [self.value / self.low] if self.low is not None else []
        under = [self.high / self.value] if self.high is not None else []
        return min(over + under)

    @property
    def wanted(self) -> str:
        """The bounds as text."""
        if self.low is not None and self.high is not None:
            return f"{self.low:,g} to {self.high:,g}"
        return f"≥ {self.low:,g}" if self.low is not None else f"≤ {self.high:,g}"

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "SHORT"
        return f"{self.what:<66} {self.value:>10,.2f} {self.unit:<4} {self.wanted:<13} {verdict}"


@dataclass
class Results:
    """All that a run of the benchmark has measured.

    ``runs``: of each part, by contender. ``load``: the load average at the end of each part, about two of it
    the benchmark's own: with much more than that, rates say little, and what a delay allows cannot be reached.
    """

    measured: list[Measured] = field(default_factory=list)
    runs: dict[str, Runs] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing falls short."""
        return all(measured.ok for measured in self.measured)

    def add(self, *measured: Measured) -> None:
        """Take figures, and print them at once: the whole takes minutes."""
        for one in measured:
            print(one, flush=True)
        self.measured.extend(measured)

    def add_runs(self, part: str, runs: Runs) -> None:
        """Take the runs of a part, and print the rates."""
        self.runs[part] = runs
        self.load[part] = round(os.getloadavg()[0], 1)
        for name, own in runs.items():
            print(
                f"    {part}: {name:<14} {median(own, rate):>10,.1f}/s  {median(own, peak_mb):>6,.0f} MB",
                flush=True,
            )

    def save(self, file: Path) -> None:
        """Write the JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")

    def to_dict(self) -> dict[str, Any]:
        """Return all as plain JSON values, rounded to what the clock is good for."""
        return {
            "machine": _machine(),
            "load_average": self.load,
            "measured": [
                {**asdict(one), "value": _rounded(one.value), "wanted": one.wanted, "ok": one.ok}
                for one in self.measured
            ],
            "medians": {
                part: {
                    name: {
                        "updates_per_second": _rounded(median(own, rate)),
                        "seconds": _rounded(median(own, seconds)),
                        "of_runs": len(own),
                        "peak_mb": _rounded(median(own, peak_mb)),
                    }
                    for name, own in runs.items()
                }
                for part, runs in self.runs.items()
            },
            "runs": {
                part: {
                    name: [{key: _rounded(value) for key, value in asdict(run).items()} for run in own]
                    for name, own in runs.items()
                }
                for part, runs in self.runs.items()
            },
        }


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "nginx": nginx_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.5g}")
