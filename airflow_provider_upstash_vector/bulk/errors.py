"""The errors of a run: it stopped early, had too many failures, is not the only one, or would change too much."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from airflow_provider_upstash_vector.bulk.exports.report import ExportReport
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.syncing.report import SyncReport
from airflow_provider_upstash_vector.client.errors import UpstashVectorError
from airflow_provider_upstash_vector.plurals import plural

Reason = Literal[
    "failures",
    "error",
    "daily_budget",
    "daily_quota",
    "rate_limit",
    "service_unavailable",
    "token_rejected",
    "cancelled",
    "time_limit",
    "source",
    "embedding",
    "checkpoint",
    "superseded",
    "index_changed",
    "not_empty",
    "export_file",
    "failures_file",
    "missing_file",
    "plan_file",
    "plan_changed",
    "empty_source",
    "duplicates",
    "max_delete",
]


AnyReport = TypeVar("AnyReport")


class RunFailed(UpstashVectorError, Generic[AnyReport]):
    """A run that stopped early.

    ``reason`` and ``explanation`` say why, ``report`` what was done until then, ``retryable`` whether another run
    can help.
    """

    def __init__(
        self,
        reason: Reason,
        explanation: str,
        report: AnyReport,
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


class BulkJobFailed(RunFailed[BulkReport]):
    """A run over rows that stopped early or had too many failures."""


class ExportFailed(RunFailed[ExportReport]):
    """An export that stopped early; another one to the same path resumes."""


class SyncFailed(RunFailed[SyncReport]):
    """A sync that stopped early; another one converges."""


class CheckpointInUse(UpstashVectorError):
    """Another run on this machine's disk has the local checkpoint; nothing was sent. Retryable: it may end."""

    retryable = True


class Superseded(UpstashVectorError):
    """The checkpoint has been taken over by a newer run, or deleted, so this run must not save it again."""

    def __init__(self, message: str, retryable: bool = False) -> None:  # noqa: FBT001, FBT002 - so that it pickles
        super().__init__(message, retryable)
        self.retryable = retryable  # type: ignore[misc]  # a run whose checkpoint was deleted can start over


class TooManyMatches(UpstashVectorError):
    """``count`` vectors match, more than the ``option``, such as ``max_delete``, allows; none was changed.

    Not retryable.
    """

    def __init__(self, count: int, limit: int, option: str) -> None:
        super().__init__(count, limit, option)
        self.count = count
        self.limit = limit
        self.option = option

    @property
    def message(self) -> str:
        """The counts, and what to do."""
        matches = plural(self.count, "vector matches", "vectors match")
        limit = f"{self.option}={self.limit:,}"
        return f"{matches}, more than {limit}; none was changed. Select fewer, or raise {self.option}"
