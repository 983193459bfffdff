"""The runs that a sync consists of: the first pass over the rows, the upserts, the updates and the deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_upstash_vector.bulk.errors import BulkJobFailed
from airflow_provider_upstash_vector.bulk.job import Job
from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.bulk.operations.delete import DeleteOptions
from airflow_provider_upstash_vector.bulk.operations.update import UpdateOptions
from airflow_provider_upstash_vector.bulk.operations.upsert import UpsertOptions
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.run_state import RunEnvironment
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.sources.iterables import IterableRows
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.bulk.syncing.decision import Action
from airflow_provider_upstash_vector.bulk.syncing.join import Join
from airflow_provider_upstash_vector.bulk.syncing.options import SyncOptions
from airflow_provider_upstash_vector.bulk.syncing.second_pass import updates_in
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import Credentials, Endpoint, IndexInfo, RetryPolicy
from airflow_provider_upstash_vector.plurals import plural

_OF_EVERY_PHASE = ("namespace", "max_concurrency", "max_rows_per_second", "daily_budget", "on_budget")
_WHERE = "the log has the first reasons, and failures_path all"
_OF_UPSERTS = (
    *("max_rows_per_request", "request_timeout_seconds"),
    *("embed", "embed_batch_size", "embed_concurrency", "embed_attempts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEnvironment:
    """What all runs of a sync share."""

    policy: RetryPolicy
    cancel_token: CancelToken
    budget_store: BudgetStore
    failures_path: OpenablePath | None
    progress: ProgressKind
    log: Log


@dataclass(frozen=True, kw_only=True)
class _ReadOptions(UpsertOptions):
    """The options of the first pass, whose operation collects the rows."""

    collected: Operation

    def operation(self, index: IndexInfo | None) -> Any:  # noqa: ARG002 - it has the index already
        return self.collected


class Budget:
    """The rows of the day for the runs of one sync, if it has no store that outlasts it."""

    def __init__(self) -> None:
        self._record: dict[str, Any] | None = None

    def load_budget(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or ``None``."""
        return self._record

    def save_budget(self, record: dict[str, Any]) -> None:
        """Replace it."""
        self._record = record


class Phases:
    """Runs each phase on the engine of bulk runs; ``written`` counts the vectors that were sent and accepted.

    No phase tolerates a failure, so that none is followed by a delete. There is no checkpoint: what is written is
    in the index, where the next sync finds it.
    """

    def __init__(
        self,
        endpoint: Endpoint | Credentials,
        options: SyncOptions,
        environment: PhaseEnvironment,
        seconds_left: Callable[[], float | None],
    ) -> None:
        self._endpoint = endpoint
        self._options = options
        self._environment = environment
        self._seconds_left = seconds_left
        self.written = 0

    async def read(self, source: Source | AsyncSource, collected: Operation) -> int:
        """Read and check all rows, and return their number. Raises :class:`BulkJobFailed` if one is invalid."""
        report = await self._run(source, _ReadOptions(**self._shared(), collected=collected, dry_run=True))
        return report.total

    async def write(self, different: Source, updates_path: Path, counts: Mapping[Action, int]) -> bool:
        """Write what differs, each id in one request; return whether a daily budget has not ended it."""
        of_upserts = {name: getattr(self._options, name) for name in _OF_UPSERTS}
        finished = True
        if any(count for action, count in counts.items() if action not in {Action.UNCHANGED, Action.DELETED}):
            finished = await self._write(different, UpsertOptions(**self._shared(), **of_upserts))
        if finished and counts[Action.METADATA_ONLY] + counts[Action.ADOPTED]:
            updates = _rows(updates_in(updates_path))
            finished = await self._write(updates, UpdateOptions(**self._shared(), on_missing="fail"))
        return finished

    async def delete(self, join: Join) -> bool:
        """Delete what is in no row; return as above."""
        deletes = _rows({"id": id} for id in join.ids(Action.DELETED))
        return await self._write(deletes, DeleteOptions(**self._shared()))

    async def _write(self, source: Source, options: BulkOptions) -> bool:
        try:
            report = await self._run(source, options)
        except BulkJobFailed as error:
            self.written += _accepted(error.report)
            raise
        self.written += _accepted(report)
        return report.finished

    async def _run(self, source: Source | AsyncSource, options: BulkOptions) -> BulkReport:
        environment = self._environment
        path = environment.failures_path
        of_run = RunEnvironment(
            policy=environment.policy,
            cancel_token=environment.cancel_token,
            fingerprint="",  # only a checkpoint has one
            store=None,
            lock=None,
            budget_store=environment.budget_store if options.daily_budget is not None else None,
            keep_checkpoint=False,
            failures=None if path is None else FailuresFile(path),
            missing=None,
            progress=environment.progress,
            log=environment.log,
        )
        return await Job(source, self._endpoint, options, of_run).run()

    def _shared(self) -> dict[str, Any]:
        shared = {name: getattr(self._options, name) for name in _OF_EVERY_PHASE}
        return {**shared, "check_index": False, "time_limit_seconds": self._seconds_left()}


def explanation_of(error: BulkJobFailed) -> str:
    """Return why a phase failed; of failures also what they prevent."""
    report = error.report
    if error.reason != "failures":
        return error.explanation
    if report.dry_run:
        happened = (
            f"{plural(report.rejected, 'row')} of the source {'is' if report.rejected == 1 else 'are'} invalid"
        )
        return f"{happened}, so nothing is written; {_WHERE}"
    if report.missing:
        vectors = plural(report.missing, "vector")
        return f"{vectors} disappeared from the index while the sync ran, so nothing is deleted; run it again"
    vectors = plural(report.failed + report.rejected, "vector")
    return f"{vectors} could not be {report.outcome}, so nothing is deleted; {_WHERE}"


def _rows(rows: Iterable[object]) -> IterableRows:
    return IterableRows(rows, None)


def _accepted(report: BulkReport) -> int:
    return report.done + report.missing
