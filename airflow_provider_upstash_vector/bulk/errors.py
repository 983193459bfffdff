"""The error of a run that stopped early or had too many failures."""

from __future__ import annotations

from typing import Literal

from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

Reason = Literal[
    "failures",
    "error",
    "daily_budget",
    "daily_quota",
    "rate_limit",
    "cancelled",
    "time_limit",
    "source",
    "checkpoint",
    "failures_file",
]


class BulkJobFailed(UpstashVectorError):
    """A run that stopped early or had too many failures.

    ``reason`` and ``explanation`` say why, ``report`` what was done until then, ``retryable`` whether another run
    can help.
    """

    def __init__(
        self,
        reason: Reason,
        explanation: str,
        report: BulkReport,
        retryable: bool = True,  # noqa: FBT001, FBT002 - positional, so that it pickles
    ) -> None:
        super().__init__(reason, explanation, report, retryable)
        self.reason: Reason = reason
        self.explanation = explanation
        self.report = report
        self.retryable = retryable  # type: ignore[misc]  # here it depends on the cause

    @property
    def message(self) -> str:
        """Why it stopped, and the counts."""
        return f"{self.explanation}: {self.report}"
