"""A run from its first row to its report: opens, monitors and closes what the engine needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from airflow_provider_upstash_vector.bulk.dry_run import check_rows
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.report import BulkReport, NamespaceCounts, ThisAttempt
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.encode import Encoder
from airflow_provider_upstash_vector.bulk.sending.engine import STOP_SECONDS, Engine
from airflow_provider_upstash_vector.bulk.sending.limits import FailureLimit
from airflow_provider_upstash_vector.bulk.sending.prefetch import Prefetcher, open_prefetcher
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.tracking.budget import BudgetStore, ReservedBudget, open_budget
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import (
    STARTING_OVER,
    CheckpointWriter,
    RowsChanged,
    RowsDigest,
    load_checkpoint,
)
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile
from airflow_provider_upstash_vector.bulk.tracking.journal import Work
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
from airflow_provider_upstash_vector.bulk.tracking.monitor import RunMonitor
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.progress import (
    Log,
    Progress,
    ProgressKind,
    close_progress,
    open_progress,
)
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed, writing
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    Credentials,
    Endpoint,
    IndexInfo,
    RetryPolicy,
)
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

log = logging.getLogger(__name__)

# How far completed rows may be ahead of one that is being retried; each takes 100 bytes of memory.
_MAX_LEAD_ROWS = 32_768
_COUNTING_SECONDS = 2.0
_COUNTING_SECONDS_ON_STOP = 0.8


@dataclass(slots=True, kw_only=True)
class RunEnvironment:
    """The policy, stores and outputs of a run; ``blocked`` is why it cannot start."""

    policy: RetryPolicy
    cancel_token: CancelToken
    store: CheckpointStore | None
    lock: CheckpointLock | None
    budget_store: BudgetStore | None
    keep_checkpoint: bool
    failures: FailuresFile | None
    progress: ProgressKind
    log: Log
    blocked: WriteFailed | None = None


class _Parts(NamedTuple):
    """The parts of a run that sends."""

    engine: Engine
    reader: RowReader
    monitor: RunMonitor


class Job:
    """A run over ``source``; see :func:`~airflow_provider_upstash_vector.bulk.update`."""

    def __init__(
        self,
        source: Source | AsyncSource,
        endpoint: Endpoint | Credentials,
        options: BulkOptions,
        environment: RunEnvironment,
    ) -> None:
        self._source = source
        self._endpoint = endpoint
        self._options = options
        self._environment = environment
        fingerprint = f"{endpoint.url} {source.fingerprint} {options.fingerprint()}"
        self._blocked = environment.blocked
        loaded = self._load(fingerprint)
        self._before = before = loaded or Checkpoint(fingerprint=fingerprint)
        self._tracker = OutcomeTracker(
            before.watermark, before.counts_below_watermark, before.outcomes_above_watermark
        )
        self._counts_before = self._tracker.counts()
        self._checkpoint_writer = self._open_checkpoint()
        # if a row can change without the fingerprint, completed rows are read again and compared
        compare = self._checkpoint_writer is not None and not source.fixed
        self._first_number = 0 if compare else self._tracker.watermark
        self._digest = RowsDigest(before.read, before.digest) if compare else None
        self._is_settled = self._tracker.is_settled if loaded else None
        self._failures = environment.failures
        self._failures_path = str(self._failures) if self._failures else None
        self._recorder = OutcomeRecorder(
            self._tracker,
            limit=FailureLimit(options.max_failures),
            total=source.total,
            missing_fails=options.on_missing == "fail",
            failures=self._failures,
            journal=self._checkpoint_writer.journal if self._checkpoint_writer else None,
            namespaces=NamespaceCounts(before.namespaces),
        )

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
        before = self._before
        work = Work(before.retries, before.bytes_sent, before.seconds, before.throttled_seconds)
        try:
            with writing("checkpoint", "the journal of the checkpoint cannot be written"):
                store = self._store()
                lock = self._environment.lock
                return (
                    CheckpointWriter(store, self._tracker, work, previous_run=before.run, lock=lock)
                    if store
                    else None
                )
        except WriteFailed as error:
            self._blocked = error
            return None

    async def run(self) -> BulkReport:
        """Return the report. Raises :class:`BulkJobFailed` with it if the run did not succeed, whatever failed.

        Raises the errors of ``info``, ``InvalidRows`` and ``ValueError`` if they occur before anything is sent,
        and :class:`RowsChanged` if the rows have changed and a new job can start over.
        """
        try:
            report, stop_reason, last = await (self._dry_run() if self._options.dry_run else self._send_rows())
        except BaseException:
            with suppress(Exception):  # it must not hide the error of the run
                await self._close_failures(begin=False)
            self._close_checkpoint()
            raise
        stop_reason = stop_reason or self._too_many_failures(report)
        try:
            await self._close_failures(begin=stop_reason is None or self._returns(stop_reason))
            if last is not None:
                await self._end_checkpoint(report, last)
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            log.warning("%s", error)
            stop_reason = stop_reason or stop_reasons.for_crash(error)
        self._close_checkpoint()
        if stop_reason is not None and not self._returns(stop_reason):
            stop_reasons.raise_for_stop(stop_reason, report)
        return report

    def _returns(self, stop_reason: StopReason) -> bool:
        exhausted = stop_reason.reason in {"daily_budget", "daily_quota"}
        return exhausted and self._options.on_budget == "return"

    def _close_checkpoint(self) -> None:
        if self._checkpoint_writer:
            with suppress(OSError):  # it concerns files that a later run replaces
                self._checkpoint_writer.close()

    async def _close_failures(self, *, begin: bool) -> None:
        """Close the failures file; ``begin`` replaces the previous one even if no row has an outcome."""
        if self._failures is None:
            return
        if self._checkpoint_writer and self._checkpoint_writer.superseded:
            self._failures.abandon()
            return
        if begin:
            self._failures.begin()
        await asyncio.to_thread(self._failures.close)

    async def _prepare_failures(self) -> None:
        if self._blocked:
            raise self._blocked
        if self._failures:
            await asyncio.to_thread(self._failures.prepare, self._is_settled)

    async def _dry_run(self) -> tuple[BulkReport, StopReason | None, None]:
        try:
            await self._prepare_failures()
            report, stop_reason = await check_rows(
                self._source,
                self._encoder(None),
                self._recorder,
                cancel_token=self._environment.cancel_token,
                time_limit_seconds=self._options.time_limit_seconds,
                failures_path=self._failures_path,
            )
        except Exception as error:
            if _explains_itself(error):
                raise
            stop_reason = stop_reasons.for_crash(error)
            report = await self._report(None, stop_reason, self._before)
        return report, stop_reason, None

    async def _send_rows(self) -> tuple[BulkReport, StopReason | None, Checkpoint | None]:
        """Return the report, why the run stopped, and, if all rows are completed, the last checkpoint."""
        progress = open_progress(self._environment.progress, self._environment.log)
        parts, crash = None, None
        try:
            async with AsyncExitStack() as closing:
                if progress:
                    closing.callback(close_progress, progress)
                parts = await self._start(closing, progress)
                await self._drive(parts)
        except RowsChanged:
            raise
        except Exception as error:
            if parts is None and _explains_itself(error):
                raise
            crash = stop_reasons.for_crash(error)
        stop_reason = parts.engine.stop_reason if parts else None
        last = parts.monitor.checkpoint() if parts else self._before
        report = await self._report(parts, stop_reason or crash, last)
        done = stop_reason is None and crash is None
        return report, stop_reason or crash, replace(last, seconds=report.seconds) if done else None

    async def _start(self, closing: AsyncExitStack, progress: Progress | None) -> _Parts:
        """Open everything, first what can fail without a request."""
        await self._prepare_failures()
        options, store = self._options, self._environment.budget_store
        budget = await asyncio.to_thread(open_budget, store, options.daily_budget, options.max_requests_per_second)
        closing.push_async_callback(budget.close)
        if self._checkpoint_writer and (error := await self._checkpoint_writer.save(self._before)):
            raise WriteFailed("checkpoint", stop_reasons.for_checkpoint(error).explanation) from error
        policy, connections = self._environment.policy, options.concurrency
        client = AsyncVectorClient(self._endpoint, policy=policy, max_connections=connections)
        await closing.enter_async_context(client)
        index = await client.info() if options.check_index else None
        if index:
            await self._check_index(index)
        wait_queue = WorkerWaitQueue()
        prefetcher = open_prefetcher(self._source, self._first_number, wait_queue.wake)
        closing.push_async_callback(prefetcher.close)
        reader = self._reader(prefetcher, self._encoder(index))
        engine = self._engine(client, reader, wait_queue, budget, time.monotonic() if index else None)
        monitor = RunMonitor(
            engine,
            before=self._before,
            source=self._source,
            digest=self._digest,
            checkpoint_writer=self._checkpoint_writer,
            progress=progress,
            time_limit_seconds=options.time_limit_seconds,
        )
        return _Parts(engine, reader, monitor)

    async def _drive(self, parts: _Parts) -> None:
        engine, _, monitor = parts
        monitoring = asyncio.create_task(monitor.run())
        try:
            with self._cancellable(engine):
                await engine.run()
        finally:
            monitoring.cancel()
            await asyncio.wait([monitoring])
            monitor.show()
            if engine.stop_reason:
                await self._leave_checkpoint(engine.stop_reason, monitor)

    async def _check_index(self, index: IndexInfo) -> None:
        """Discard a checkpoint that the index contradicts, and raise :class:`BulkJobFailed`."""
        before = self._before
        stop_reason = stop_reasons.for_index(before, self._counts_before[Outcome.UPDATED], index)
        self._before = replace(before, index=index.identity)
        if stop_reason and self._checkpoint_writer:
            await self._checkpoint_writer.discard(before)
            stop_reasons.raise_for_stop(stop_reason, await self._report(None, stop_reason, before))

    async def _leave_checkpoint(self, stop_reason: StopReason, monitor: RunMonitor) -> None:
        """Save the checkpoint, or discard it if the rows have changed."""
        if self._checkpoint_writer and isinstance(stop_reason.cause, RowsChanged):
            with writing("checkpoint", "the checkpoint of other rows cannot be deleted"):
                await self._checkpoint_writer.discard(monitor.checkpoint())
            if self._source.rereadable:
                log.warning(STARTING_OVER)
                raise stop_reason.cause
        else:
            await monitor.save_last()

    def _engine(
        self,
        client: AsyncVectorClient,
        reader: RowReader,
        wait_queue: WorkerWaitQueue,
        budget: ReservedBudget,
        worked_at: float | None,
    ) -> Engine:
        options, policy = self._options, self._environment.policy
        return Engine(
            client,
            reader=reader,
            wait_queue=wait_queue,
            window=Window(_MAX_LEAD_ROWS),
            throttle=Throttle(
                options.concurrency,
                options.max_requests_per_second,
                worked_at=worked_at,
                first_probe_backoff_seconds=policy.first_backoff_seconds,
                max_probe_backoff_seconds=policy.max_backoff_seconds,
            ),
            budget=budget,
            recorder=self._recorder,
            concurrency=options.concurrency,
        )

    def _encoder(self, index: IndexInfo | None) -> Encoder:
        return Encoder(
            self._options.names,
            namespace=self._options.namespace,
            metadata_update_mode=self._options.metadata_update_mode,
            index=index,
        )

    def _reader(self, prefetcher: Prefetcher, encoder: Encoder) -> RowReader:
        policy = self._environment.policy
        return RowReader(
            prefetcher,
            encoder,
            first_number=self._first_number,
            timeout_seconds=min(policy.request_timeout_seconds, policy.total_timeout_seconds),
            journal=self._checkpoint_writer.journal if self._checkpoint_writer else None,
            digest=self._digest,
        )

    @contextmanager
    def _cancellable(self, engine: Engine) -> Iterator[None]:
        """Stop the engine if the run is cancelled, from any thread."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(
                lambda: engine.stop(stop_reasons.for_cancellation(), drain_seconds=STOP_SECONDS)
            )

        self._environment.cancel_token.add_callback(stop)
        try:
            yield
        finally:
            self._environment.cancel_token.remove_callback(stop)

    async def _report(
        self, parts: _Parts | None, stop_reason: StopReason | None, numbers: Checkpoint
    ) -> BulkReport:
        next_number = parts.reader.next_number if parts else self._first_number
        exhausted = parts is not None and parts.reader.exhausted
        rest = 0 if exhausted else await self._rows_left(stop_reason, next_number)
        idle = (
            stop_reason is None and self._before.watermark > 0 and self._recorder.counts() == self._counts_before
        )
        return self._recorder.report(
            total=max(next_number + (rest or 0), self._tracker.end),  # completed rows may be unread
            all_read=rest is not None,
            failures_path=self._failures_path,
            dry_run=self._options.dry_run,
            retries=numbers.retries,
            bytes_sent=numbers.bytes_sent,
            # a run that finds everything done reports the seconds of the run before
            seconds=self._before.seconds if idle else numbers.seconds,
            unknown_namespace_rows=numbers.unknown_namespace_rows,
            throttled_seconds=numbers.throttled_seconds,
            this_attempt=self._this_attempt(parts.engine, numbers) if parts else ThisAttempt(),
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
            return await asyncio.to_thread(self._source.count_from, next_number, seconds)
        except Exception as error:  # noqa: BLE001 - the file is gone, the store does not respond
            log.warning("The remaining rows could not be counted: %s: %s", type(error).__name__, error)
            return None

    def _too_many_failures(self, report: BulkReport) -> StopReason | None:
        if not self._recorder.too_many(report.total, all_rows=True):
            return None
        return stop_reasons.for_failures(self._recorder.failures, self._options.max_failures)

    async def _end_checkpoint(self, report: BulkReport, last: Checkpoint) -> None:
        """Delete the checkpoint, or keep it until the caller deletes it. Nothing may fail afterwards."""
        if self._checkpoint_writer is None:
            return
        if self._environment.keep_checkpoint and not self._recorder.too_many(report.total, all_rows=True):
            await self._checkpoint_writer.finish(last)
        else:
            with writing("checkpoint", "all rows are completed, but the checkpoint cannot be deleted"):
                await self._checkpoint_writer.clear()

    def _this_attempt(self, engine: Engine, numbers: Checkpoint) -> ThisAttempt:
        """Return the work of this run alone."""
        counts, before = self._recorder.counts(), self._counts_before
        return ThisAttempt(
            **{outcome.name.lower(): counts[outcome] - before[outcome] for outcome in Outcome},
            requests=engine.requests,
            request_seconds=engine.request_seconds,
            retries=engine.retries,
            throttled_seconds=numbers.throttled_seconds - self._before.throttled_seconds,
        )


def _explains_itself(error: Exception) -> bool:
    """Return whether an error that occurs before anything is sent is raised as it is, without a report."""
    return isinstance(error, UpstashVectorError | ValueError) and not isinstance(error, WriteFailed)
