"""The error of a run that stopped early or had too many failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


class WriteFailed(UpstashVectorError):
    """A file that the run needs, in an object store or not, cannot be written; ``reason`` is why the run stops."""

    def __init__(self, reason: Reason, explanation: str) -> None:
        super().__init__(reason, explanation)
        self.reason: Reason = reason

    @property
    def message(self) -> str:
        """What cannot be written, and why."""
        return str(self.args[1])


@contextmanager
def writing(reason: Reason, explanation: str) -> Iterator[None]:
    """Raise :class:`WriteFailed` for any error of the block: a file's, an object store's, Airflow's.

    Errors of this package explain themselves and pass.
    """
    try:
        yield
    except UpstashVectorError:
        raise
    except Exception as error:
        raise WriteFailed(reason, f"{explanation}: {type(error).__name__}: {error}") from error
