"""Records outcomes in the tracker, the journal and the failures file, and makes the report from them."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.bulk.report import BulkReport, NamespaceCounts
from airflow_provider_upstash_vector.bulk.sending.limits import RowLimit
from airflow_provider_upstash_vector.bulk.tracking.failure_lines import UnknownId, failure_line
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile, MissingFile
from airflow_provider_upstash_vector.bulk.tracking.journal import Journal
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

log = logging.getLogger(__name__)

_MAX_LOGGED = 20


@dataclass(slots=True)
class NumberedRow:
    """A row as it was read: its number, its value, its file and its place in it."""

    number: int
    value: object
    file: str | None
    place: int | str | None

    def __str__(self) -> str:
        if self.file is None:
            return f"row {self.number}"
        place = f", line {self.place}" if isinstance(self.place, int) else f", {self.place}" if self.place else ""
        return f"row {self.number} ({self.file}{place})"


class OutcomeRecorder:
    """Records the outcome of each row; ``total`` is the number of all rows if it is known."""

    def __init__(
        self,
        tracker: OutcomeTracker,
        *,
        limit: RowLimit,
        total: int | None,
        operation: type[Operation],
        missing_fails: bool,
        failures: FailuresFile | None,
        missing: MissingFile | None,
        journal: Journal | None,
        namespaces: NamespaceCounts,
    ) -> None:
        self.tracker = tracker
        self.namespaces = namespaces
        self._limit = limit
        self.max_failures = limit.value
        self.allowed_failures = 0  # of the last check
        self._total = total
        self._operation = operation
        self._missing_fails = missing_fails
        self._failures_file = failures
        self._missing_file = missing
        self._files = [file for file in (failures, missing) if file is not None]
        self._journal = journal
        counts = tracker.counts()
        self.failures = counts[Outcome.REJECTED] + counts[Outcome.FAILED]
        self.failures += counts[Outcome.MISSING] if missing_fails else 0
        self.unsettled_failures = {Outcome.REJECTED: 0, Outcome.FAILED: 0, Outcome.MISSING: 0}
        self._logged = 0

    def settle(self, number: int, outcome: Outcome) -> None:
        """Record the final outcome of a row."""
        for file in self._files:
            file.begin()
        self.tracker.settle(number, outcome)
        if self._journal is not None:
            self._journal.settle(number, outcome)

    def done(self, number: int, namespace: str) -> None:
        """Record a row that the service has applied."""
        self.settle(number, Outcome.DONE)
        self.namespaces.add(namespace)

    def missing(self, row: NumberedRow, id: str, namespace: str) -> bool:
        """Record a row whose id is unknown; return whether the failure limit is exceeded."""
        error = UnknownId(f"there is no vector {id!r}")
        if self._missing_file is not None:
            ids = {"id": id, "namespace": namespace}
            line = failure_line(ids, error, number=row.number, file=row.file, place=row.place)
            self._missing_file.write(line)
        if not self._missing_fails:
            self.settle(row.number, Outcome.MISSING)
            return False
        return self._fail(row, Outcome.MISSING, error)

    def rejected(self, row: NumberedRow, error: UpstashVectorError) -> bool:
        """Record a row that cannot be sent; return whether the failure limit is exceeded."""
        return self._fail(row, Outcome.REJECTED, error)

    def count_unsent_rejection(self, row: NumberedRow, error: UpstashVectorError) -> None:
        """Count a row of a dry run that would be rejected."""
        self.failures += 1
        self.unsettled_failures[Outcome.REJECTED] += 1
        self._write(row, error)

    def failed(self, row: NumberedRow, error: UpstashVectorError) -> bool:
        """Record a row whose request failed; return whether the failure limit is exceeded."""
        return self._fail(row, Outcome.FAILED, error)

    def fail_unsettled(self, row: NumberedRow, error: UpstashVectorError) -> None:
        """Count a row as failed, but record no outcome: a run that resumes sends it again."""
        self.unsettled_failures[Outcome.FAILED] += 1
        with suppress(WriteFailed):  # the run has stopped already; one that resumes writes the line
            self._write(row, error)

    def sent(self, retries: int, bytes_sent: int, now: float) -> None:
        """Record the requests of this run so far, with one that is sent now."""
        if self._journal is not None:
            self._journal.record_sent(retries, bytes_sent, now)

    def _fail(self, row: NumberedRow, outcome: Outcome, error: UpstashVectorError) -> bool:
        self._write(row, error)
        self.failures += 1
        if self.too_many(self.tracker.watermark):
            # without an outcome: a run that resumes sends the row again
            self.unsettled_failures[outcome] += 1
            return True
        self.settle(row.number, outcome)
        return False

    def too_many(self, rows: int, *, all_rows: bool = False) -> bool:
        """Return whether there are more failures than allowed among ``rows`` read, or among all rows."""
        if self._total is not None:
            rows, all_rows = self._total, True
        self.allowed_failures = self._limit.allowed(rows, all_rows=all_rows)
        return self.failures > self.allowed_failures

    def _write(self, row: NumberedRow, error: UpstashVectorError) -> None:
        if self._failures_file is not None:
            line = failure_line(row.value, error, number=row.number, file=row.file, place=row.place)
            self._failures_file.write(line)
        self._logged += 1
        if self._logged <= _MAX_LOGGED:
            log.warning("%s: %s", row, error)
        elif self._logged == _MAX_LOGGED + 1:
            log.warning("Further failures are not logged.")

    def counts(self) -> dict[Outcome, int]:
        """Return the number of rows by outcome, including failures that are not recorded."""
        return {
            outcome: n + self.unsettled_failures.get(outcome, 0) for outcome, n in self.tracker.counts().items()
        }

    def report(self, *, total: int, all_read: bool, **others: Any) -> BulkReport:
        """Return the report; rows without an outcome were not attempted."""
        counts = self.counts()
        return BulkReport(
            total=total,
            done=counts[Outcome.DONE],
            missing=counts[Outcome.MISSING],
            rejected=counts[Outcome.REJECTED],
            failed=counts[Outcome.FAILED],
            not_attempted=total - sum(counts.values()),
            all_read=all_read,
            operation=self._operation.name,
            outcome=self._operation.done,
            rows_by_namespace=self.namespaces.counts(),
            failures_path=None if self._failures_file is None else str(self._failures_file),
            missing_path=None if self._missing_file is None else str(self._missing_file),
            **others,
        )
