"""Measurements and their targets, as a table and as JSON."""

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
class Measurement:
    """One figure and its target, the bounds ``low`` and ``high``."""

    key: str
    title: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the target is met."""
        return self.headroom >= 1

    @property
    def headroom(self) -> float:
        """The ratio to the nearest bound; below 1 the target is missed."""
        above_low = [self.value / self.low] if self.low is not None else []
        below_high = [self.high / self.value] if self.high is not None else []
        return min(above_low + below_high)

    @property
    def target(self) -> str:
        """The bounds as text."""
        if self.low is not None and self.high is not None:
            return f"{self.low:,g} to {self.high:,g}"
        return f"≥ {self.low:,g}" if self.low is not None else f"≤ {self.high:,g}"

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "MISSED"
        return f"{self.title:<66} {self.value:>10,.2f} {self.unit:<4} {self.target:<13} {verdict}"


@dataclass
class Results:
    """The measurements of a benchmark.

    ``runs``: the runs of each part, by contender. ``load``: the load average at the end of each part. The
    benchmark itself causes about two of it; with much more, rates mean little and targets of delays cannot be met.
    """

    measurements: list[Measurement] = field(default_factory=list)
    runs: dict[str, Runs] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether all targets are met."""
        return all(measurement.ok for measurement in self.measurements)

    def add(self, *measurements: Measurement) -> None:
        """Add measurements and print them at once: a benchmark takes minutes."""
        for measurement in measurements:
            print(measurement, flush=True)
        self.measurements.extend(measurements)

    def add_runs(self, part: str, runs: Runs) -> None:
        """Add the runs of a part and print their medians."""
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
        """Return plain JSON values, rounded to five significant digits."""
        return {
            "machine": _machine(),
            "load_average": self.load,
            "measurements": [
                {**asdict(item), "value": _rounded(item.value), "target": item.target, "ok": item.ok}
                for item in self.measurements
            ],
            "medians": {
                part: {
                    name: {
                        "rows_per_second": _rounded(median(own, rate)),
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
