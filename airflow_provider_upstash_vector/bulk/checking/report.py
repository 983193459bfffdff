"""The report of checks: JSON, Markdown, and a table for the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_upstash_vector.bulk.checking.base import CheckResult
from airflow_provider_upstash_vector.client.base import RequestStats

_MARKS = {True: "passed", False: "FAILED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """The results of all checks of a namespace; ``count`` vectors are in it, ``sampled`` of them were read.

    ``reads`` are the requests and queries that the service bills; ``request_stats`` are no part of the JSON.
    """

    namespace: str
    baseline: str | None
    count: int
    sampled: int
    seed: int
    reads: int
    results: tuple[CheckResult, ...]
    request_stats: RequestStats = field(default_factory=RequestStats, repr=False)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The results of the checks that failed."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return not self.failed

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "passed": self.passed,
            "namespace": self.namespace,
            "baseline": self.baseline,
            "count": self.count,
            "sampled": self.sampled,
            "seed": self.seed,
            "checks": [result.to_dict() for result in self.results],
            "operations": {"written": 0, "read": self.reads},
        }

    def to_markdown(self) -> str:
        """Return a table, and the examples of the checks that failed."""
        header = ["Check", "Result", "Value", "Baseline", ""]
        rows = [[_escaped(cell) for cell in cells] for cells in self._rows()]
        lines = [" | ".join(cells) for cells in (header, ["---"] * len(header), *rows)]
        failed = [
            f"\n{result.name}, for example: {', '.join(map(_code, result.examples))}"
            for result in self.failed
            if result.examples
        ]
        return "\n".join([*(f"| {line} |" for line in lines), *failed])

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
            for row in rows
        )

    def _rows(self) -> list[list[str]]:
        return [
            [
                result.name,
                _MARKS[result.passed],
                f"{result.value:,.6g}",
                "" if result.baseline is None else f"{result.baseline:,.6g}",
                result.sentence,
            ]
            for result in self.results
        ]


def _escaped(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
