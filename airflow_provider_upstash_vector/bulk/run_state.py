"""What a run resumes from and writes: its checkpoint, the outcomes of its rows, its failures and its report."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.reading.emptiness import first_not_empty
from airflow_provider_upstash_vector.bulk.report import BulkReport, NamespaceCounts, Pace, ThisAttempt
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.engine import Engine
from airflow_provider_upstash_vector.bulk.sending.limits import RowLimit
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, ExportRows, PagedSource, Source
from airflow_provider_upstash_vector.bulk.sources.base import items_read
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import (
    STARTING_OVER,
    CheckpointWriter,
    RowsChanged,
    RowsDigest,
    load_checkpoint,
)
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile, MissingFile
from airflow_provider_upstash_vector.bulk.tracking.journal import Work
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
from airflow_provider_upstash_vector.bulk.tracking.monitor import RunMonitor
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.pages import PageTracker
from airflow_provider_upstash_vector.bulk.tracking.progress import (
    Log,
    ProgressKind,
)
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed, writing
from airflow_provider_upstash_vector.cancellation import CancelToken, in_thread
from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    IndexInfo,
    RetryPolicy,
)

log = logging.getLogger(__name__)

_STALE_SECONDS = 1.0  # for which counts may be older than the rows of a run before
_COUNTING_SECONDS = 2.0
_COUNTING_SECONDS_ON_STOP = 0.8


@dataclass(slots=True, kw_only=True)
class RunEnvironment:
    """The policy, stores and outputs of a run.

    ``fingerprint`` is that of the index, rows and options; ``blocked`` is why it cannot start.
    """

    policy: RetryPolicy
    cancel_token: CancelToken
    fingerprint: str
    store: CheckpointStore | None
    lock: CheckpointLock | None
    budget_store: BudgetStore | None
    keep_checkpoint: bool
    failures: FailuresFile | None
    missing: MissingFile | None
    progress: ProgressKind
    log: Log
    blocked: WriteFailed | None = None


class RunParts(NamedTuple):
    """The parts of a run that sends."""

    engine: Engine
    reader: RowReader
    monitor: RunMonitor


class RunState:
    """The state of a run over ``source``."""

    def __init__(self, source: Source | AsyncSource, options: BulkOptions, environment: RunEnvironment) -> None:
        self._source = source
        self._options = options
        self._environment = environment
        self._blocked = environment.blocked
        loaded = self._load(environment.fingerprint)
        before = loaded or Checkpoint(fingerprint=environment.fingerprint)
        if isinstance(source, PagedSource) and not before.position:
            before = replace(before, position=source.first_position)
        self.before = before
        self.tracker = self._open_tracker()
        self._counts_before = self.tracker.counts()
        self.checkpoint_writer = self._open_checkpoint()
        # if a row can change without the fingerprint, completed rows are read again and compared
        compare = self.checkpoint_writer is not None and not source.fixed and not isinstance(source, PagedSource)
        self.first_number = 0 if compare else self.tracker.watermark
        self.digest = RowsDigest(before.read, before.digest) if compare else None
        self._is_settled = self.tracker.is_settled if loaded else None
        failures, missing = environment.failures, None if options.dry_run else environment.missing
        self._files = [file for file in (failures, missing) if file is not None]
        self.recorder = OutcomeRecorder(
            self.tracker,
            limit=RowLimit("max_failures", options.max_failures),
            total=source.total,
            operation=options.operation_type,
            missing_fails=options.missing_fails,
            failures=failures,
            missing=missing,
            journal=self.checkpoint_writer.journal if self.checkpoint_writer else None,
            namespaces=NamespaceCounts(before.namespaces),
        )

    def _open_tracker(self) -> OutcomeTracker:
        before = self.before
        if not isinstance(self._source, PagedSource):
            return OutcomeTracker(before.watermark, before.counts_below_watermark, before.outcomes_above_watermark)
        tracker = PageTracker(before.watermark, before.counts_below_watermark, before.position)
        self._source.resume_at(before.position, tracker.begin_page)
        return tracker

    def _store(self) -> CheckpointStore | None:
        return None if self._options.dry_run or self._blocked else self._environment.store

    def _load(self, fingerprint: str) -> Checkpoint | None:
        """Return the state to resume from; if it cannot be read, the run is blocked."""
        try:
            with writing("checkpoint", "the checkpoint cannot be read"):
                store = self._store()
                options = self._options
                return load_checkpoint(store, fingerprint, options.namespace, options.resume) if store else None
        except WriteFailed as error:
            self._blocked = error
            return None

    def _open_checkpoint(self) -> CheckpointWriter | None:
        before = self.before
        work = Work(before.retries, before.bytes_sent, before.seconds, before.throttled_seconds)
        try:
            with writing("checkpoint", "the journal of the checkpoint cannot be written"):
                store, lock = self._store(), self._environment.lock
                if store is None:
                    return None
                return CheckpointWriter(store, self.tracker, work, previous_run=before.run, lock=lock)
        except WriteFailed as error:
            self._blocked = error
            return None

    async def prepare(self) -> None:
        """Try the files with outcomes. Raises :class:`WriteFailed`, also for what could not be read before."""
        if self._blocked:
            raise self._blocked
        for file in self._files:
            await in_thread(file.prepare, self._is_settled)

    async def save_first(self) -> None:
        """Take over the checkpoint. Raises :class:`WriteFailed` or :class:`Superseded`."""
        if self.checkpoint_writer and (error := await self.checkpoint_writer.save(self.before)):
            if isinstance(error, Superseded):
                raise error
            raise WriteFailed("checkpoint", stop_reasons.for_checkpoint(error).explanation) from error

    async def checked_index(self, client: AsyncVectorClient) -> IndexInfo:
        """Return the index. If it contradicts the checkpoint, discard that and raise :class:`BulkJobFailed`."""
        before, index, reads = self.before, await client.info(), 1
        if self._contradiction(index):
            await asyncio.sleep(_STALE_SECONDS)
            index, reads = await client.info(), 2
        stop_reason = self._contradiction(index)
        self.before = replace(before, index=index.identity, reads=before.reads + reads)
        if stop_reason and self.checkpoint_writer:
            await self.checkpoint_writer.discard(before)
            stop_reasons.raise_for_stop(stop_reason, await self.report(None, stop_reason, before))
        return index

    async def found_empty(self, client: AsyncVectorClient) -> frozenset[str] | None:
        """Return the only namespaces that rows may have, which were empty before the first row; any if ``None``.

        Raises :class:`BulkJobFailed` if one is not, and ``InvalidRows`` for an export of another kind of index. A
        run that resumes would find its own rows, and does not ask whether namespaces are empty.
        """
        manifest = self._source.manifest if isinstance(self._source, ExportRows) else None
        if manifest:
            manifest.check_index(await client.info())
        names = self._options.empty_namespaces(manifest.names if manifest else None)
        if names is None or self.before.found_empty:
            return names
        if (name := await first_not_empty(client, sorted(names))) is not None:
            stop_reason = stop_reasons.for_not_empty(name)
            stop_reasons.raise_for_stop(stop_reason, await self.report(None, stop_reason, self.before))
        self.before = replace(self.before, found_empty=1)
        await self.save_first()
        return names

    def _contradiction(self, index: IndexInfo) -> StopReason | None:
        done, outcome = self._counts_before[Outcome.DONE], self._options.operation_type.done
        return stop_reasons.for_index(self.before, done, outcome, index)

    async def leave_checkpoint(self, stop_reason: StopReason, monitor: RunMonitor) -> None:
        """Save the checkpoint, or discard it if the rows have changed."""
        if self.checkpoint_writer and isinstance(stop_reason.cause, RowsChanged):
            with writing("checkpoint", "the checkpoint of other rows cannot be deleted"):
                await self.checkpoint_writer.discard(monitor.checkpoint())
            if self._source.rereadable:
                log.warning(STARTING_OVER)
                raise stop_reason.cause
        else:
            await monitor.save_last()

    async def report(
        self, parts: RunParts | None, stop_reason: StopReason | None, numbers: Checkpoint
    ) -> BulkReport:
        """Return the report; ``parts`` is ``None`` if nothing was sent."""
        next_number = parts.reader.next_number if parts else self.first_number
        exhausted = parts is not None and parts.reader.exhausted
        rest = 0 if exhausted else await self._rows_left(stop_reason, next_number)
        idle = stop_reason is None and self.before.watermark > 0 and self.recorder.counts() == self._counts_before
        return self.recorder.report(
            total=max(next_number + (rest or 0), self.tracker.end),  # completed rows may be unread
            all_read=rest is not None,
            dry_run=self._options.dry_run,
            retries=numbers.retries,
            bytes_sent=numbers.bytes_sent,
            reads=numbers.reads,
            # a run that finds everything done reports the seconds of the run before
            seconds=self.before.seconds if idle else numbers.seconds,
            unknown_namespace_rows=numbers.unknown_namespace_rows,
            throttled_seconds=numbers.throttled_seconds,
            embedded=parts.reader.embedded if parts else self._options.embedding and 0,
            this_attempt=self._this_attempt(parts.engine, numbers) if parts else ThisAttempt(),
            read=items_read(self._source),
            pace=_pace(parts.engine, numbers.seconds - self.before.seconds) if parts else None,
        )

    async def _rows_left(self, stop_reason: StopReason | None, next_number: int) -> int | None:
        """Return the number of rows that were not read; ``None`` if that cannot be known in time."""
        if self._source.total is not None:
            return self._source.total - next_number
        reason = stop_reason.reason if stop_reason else None
        if reason == "source":
            return None
        seconds = _COUNTING_SECONDS_ON_STOP if reason in {"cancelled", "time_limit"} else _COUNTING_SECONDS
        try:
            return await in_thread(self._source.count_from, next_number, seconds)
        except Exception as error:  # noqa: BLE001 - the file is gone, the store does not respond
            log.warning("The remaining rows could not be counted: %s: %s", type(error).__name__, error)
            return None

    def too_many_failures(self, report: BulkReport) -> StopReason | None:
        """Return the reason if a run that has read all rows has more failures than allowed."""
        if not self.recorder.too_many(report.total, all_rows=True):
            return None
        return stop_reasons.for_failures(self.recorder)

    async def end_checkpoint(self, report: BulkReport, last: Checkpoint) -> None:
        """Delete the checkpoint, or keep it until the caller deletes it. Nothing may fail afterwards."""
        if self.checkpoint_writer is None:
            return
        if self._environment.keep_checkpoint and not self.recorder.too_many(report.total, all_rows=True):
            await self.checkpoint_writer.finish(last)
        else:
            with writing("checkpoint", "all rows are completed, but the checkpoint cannot be deleted"):
                await self.checkpoint_writer.clear()

    def close_checkpoint(self) -> None:
        """Close the journal."""
        if self.checkpoint_writer:
            with suppress(OSError):  # it concerns files that a later run replaces
                self.checkpoint_writer.close()

    async def close_files(self, *, begin: bool) -> None:
        """Close the files with outcomes; ``begin`` replaces the previous ones even if no row has an outcome."""
        superseded = self.checkpoint_writer is not None and self.checkpoint_writer.superseded
        with ExitStack() as all_files:  # an error of one does not keep the other open
            for file in self._files:
                all_files.callback(file.abandon if superseded else file.close)
                if begin and not superseded:
                    file.begin()
            await in_thread(all_files.pop_all().close)

    def _this_attempt(self, engine: Engine, numbers: Checkpoint) -> ThisAttempt:
        """Return the work of this run alone."""
        counts, before = self.recorder.counts(), self._counts_before
        return ThisAttempt(
            **{outcome.name.lower(): counts[outcome] - before[outcome] for outcome in Outcome},
            requests=engine.requests,
            request_seconds=engine.request_seconds,
            retries=engine.retries,
            throttled_seconds=numbers.throttled_seconds - self.before.throttled_seconds,
        )


def _pace(engine: Engine, seconds: float) -> Pace | None:
    if not engine.requests or seconds <= 0:
        return None
    allowed = engine.throttle.allowed_rate
    return Pace(
        allowed_rows_per_second=None if allowed is None else round(allowed, 1),
        requests_in_flight=round(engine.request_seconds / seconds, 1),
        latency_seconds=round(engine.request_seconds / engine.requests, 4),
    )
