"""A run from its first row to its report: opens, monitors and closes what the engine needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from airflow_provider_upstash_vector.bulk.dry_run import check_rows
from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.report import BulkReport, NamespaceCounts, ThisAttempt
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.encode import Encoder
from airflow_provider_upstash_vector.bulk.sending.engine import STOP_SECONDS, Engine
from airflow_provider_upstash_vector.bulk.sending.limits import DailyBudget, FailureLimit
from airflow_provider_upstash_vector.bulk.sending.prefetch import Prefetcher, open_prefetcher
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint, CheckpointStore
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import (
    STARTING_OVER,
    CheckpointWriter,
    RowsChanged,
    RowsDigest,
    load_checkpoint,
)
from airflow_provider_upstash_vector.bulk.tracking.failures import FailuresFile
from airflow_provider_upstash_vector.bulk.tracking.lock import CheckpointLock
from airflow_provider_upstash_vector.bulk.tracking.monitor import RunMonitor
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome, OutcomeTracker
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, ProgressKind, open_progress
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.cancellation import CancelToken
from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    Credentials,
    Endpoint,
    IndexInfo,
    RetryPolicy,
)

log = logging.getLogger(__name__)

# How far completed rows may be ahead of one that is being retried; each takes 100 bytes of memory.
_MAX_LEAD_ROWS = 32_768
_COUNTING_SECONDS = 2.0
_COUNTING_SECONDS_ON_STOP = 0.8


@dataclass(slots=True, kw_only=True)
class RunEnvironment:
    """The policy, stores and outputs of a run."""

    policy: RetryPolicy
    cancel_token: CancelToken
    store: CheckpointStore | None
    lock: CheckpointLock | None
    keep_checkpoint: bool
    failures: FailuresFile | None
    progress: ProgressKind
    log: Log


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
        store = None if options.dry_run else environment.store
        loaded = load_checkpoint(store, fingerprint, options.namespace, options.resume) if store else None
        self._before = before = loaded or Checkpoint(fingerprint=fingerprint)
        self._tracker = OutcomeTracker(
            before.watermark, before.counts_below_watermark, before.outcomes_above_watermark
        )
        self._counts_before = self._tracker.counts()
        self._checkpoint_writer = (
            CheckpointWriter(store, self._tracker, previous_run=before.run, lock=environment.lock)
            if store
            else None
        )
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

    async def run(self) -> BulkReport:
        """Return the report. Raises :class:`BulkJobFailed` with it if the run did not succeed.

        Raises :class:`RowsChanged` if the rows have changed and a new job can start over.
        """
        try:
            report = await (self._dry_run() if self._options.dry_run else self._send_rows())
            if self._failures:
                self._failures.begin()
        except BaseException:
            with suppress(Exception):  # it is logged, and must not hide the error of the run
                await self._close()
            raise
        await self._close()
        return report

    async def _close(self) -> None:
        if self._checkpoint_writer:
            self._checkpoint_writer.close()
        if self._failures and self._superseded:
            self._failures.abandon()
        elif self._failures:
            await asyncio.to_thread(self._failures.close)

    @property
    def _superseded(self) -> bool:
        """Whether another run has the checkpoint, and so the failures file."""
        return self._checkpoint_writer is not None and self._checkpoint_writer.superseded is not None

    async def _prepare_failures(self) -> None:
        if self._failures:
            await asyncio.to_thread(self._failures.prepare, self._is_settled)

    async def _dry_run(self) -> BulkReport:
        await self._prepare_failures()
        report, stop_reason = await check_rows(
            self._source,
            self._encoder(None),
            self._recorder,
            cancel_token=self._environment.cancel_token,
            time_limit_seconds=self._options.time_limit_seconds,
            failures_path=self._failures_path,
        )
        if stop_reason is not None:
            stop_reasons.raise_for_stop(stop_reason, report)
        self._raise_for_failures(report)
        return report

    async def _send_rows(self) -> BulkReport:
        async with AsyncExitStack() as closing:
            progress = open_progress(self._environment.progress, self._environment.log)
            if progress:
                closing.callback(progress.close)
            policy, connections = self._environment.policy, self._options.concurrency
            client = AsyncVectorClient(self._endpoint, policy=policy, max_connections=connections)
            await closing.enter_async_context(client)
            index = await client.info() if self._options.check_index else None
            if index:
                await self._check_index(index)
            if self._checkpoint_writer and (error := await self._checkpoint_writer.save(self._before)):
                raise error
            await self._prepare_failures()
            wait_queue = WorkerWaitQueue()
            prefetcher = open_prefetcher(self._source, self._first_number, wait_queue.wake)
            closing.push_async_callback(prefetcher.close)
            reader = self._reader(prefetcher, self._encoder(index))
            engine = self._engine(client, reader, wait_queue, time.monotonic() if index else None)
            monitor = RunMonitor(
                engine,
                before=self._before,
                source=self._source,
                digest=self._digest,
                checkpoint_writer=self._checkpoint_writer,
                progress=progress,
                time_limit_seconds=self._options.time_limit_seconds,
            )
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
        return await self._conclude(engine, reader, monitor.checkpoint())

    async def _check_index(self, index: IndexInfo) -> None:
        """Discard a checkpoint that the index contradicts, and raise :class:`BulkJobFailed`."""
        before = self._before
        stop_reason = stop_reasons.for_index(before, self._counts_before[Outcome.UPDATED], index)
        self._before = replace(before, index=index.identity)
        if stop_reason is None or self._checkpoint_writer is None:
            return
        await self._checkpoint_writer.discard(before)
        report = self._recorder.report(
            total=self._source.total or self._tracker.end,
            all_read=self._source.total is not None,
            failures_path=self._failures_path,
            retries=before.retries,
            bytes_sent=before.bytes_sent,
            seconds=before.seconds,
            throttled_seconds=before.throttled_seconds,
            unknown_namespace_rows=before.unknown_namespace_rows,
        )
        stop_reasons.raise_for_stop(stop_reason, report)

    async def _leave_checkpoint(self, stop_reason: StopReason, monitor: RunMonitor) -> None:
        """Save the checkpoint, or discard it if the rows have changed."""
        if self._checkpoint_writer and isinstance(stop_reason.cause, RowsChanged):
            await self._checkpoint_writer.discard(monitor.checkpoint())
            if self._source.rereadable:
                log.warning(STARTING_OVER)
                raise stop_reason.cause
        else:
            await monitor.save_last()

    def _engine(
        self, client: AsyncVectorClient, reader: RowReader, wait_queue: WorkerWaitQueue, worked_at: float | None
    ) -> Engine:
        options, before, policy = self._options, self._before, self._environment.policy
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
            budget=DailyBudget(options.daily_budget, day=before.budget_day, spent=before.budget_spent),
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

    async def _conclude(self, engine: Engine, reader: RowReader, numbers: Checkpoint) -> BulkReport:
        stop_reason = engine.stop_reason
        rest = 0 if reader.exhausted else await self._rows_left(stop_reason, reader.next_number)
        idle = (
            stop_reason is None and self._before.watermark > 0 and self._recorder.counts() == self._counts_before
        )
        report = self._recorder.report(
            total=max(reader.next_number + (rest or 0), self._tracker.end),  # completed rows may be unread
            all_read=rest is not None,
            failures_path=self._failures_path,
            retries=numbers.retries,
            bytes_sent=numbers.bytes_sent,
            # a run that finds everything done reports the seconds of the run before
            seconds=self._before.seconds if idle else numbers.seconds,
            unknown_namespace_rows=numbers.unknown_namespace_rows,
            throttled_seconds=numbers.throttled_seconds,
            this_attempt=self._this_attempt(engine, numbers),
        )
        if stop_reason is None:
            try:
                await self._end_checkpoint(report, replace(numbers, seconds=report.seconds))
            except Superseded as error:
                stop_reasons.raise_for_stop(stop_reasons.for_checkpoint(error), report)
            self._raise_for_failures(report)
        elif self._options.on_budget == "fail" or stop_reason.reason not in {"daily_budget", "daily_quota"}:
            stop_reasons.raise_for_stop(stop_reason, report)
        return report

    async def _rows_left(self, stop_reason: StopReason | None, next_number: int) -> int | None:
        """Return the number of rows that were not read; ``None`` if that cannot be known in time."""
        if self._source.total is not None:
            return self._source.total - next_number
        reason = stop_reason.reason if stop_reason else None
        if reason == "source":
            return None
        seconds = _COUNTING_SECONDS_ON_STOP if reason in {"cancelled", "time_limit"} else _COUNTING_SECONDS
        return await asyncio.to_thread(self._source.count_from, next_number, seconds)

    def _raise_for_failures(self, report: BulkReport) -> None:
        if self._recorder.too_many(report.total, all_rows=True):
            stop_reasons.raise_for_stop(
                stop_reasons.for_failures(self._recorder.failures, self._options.max_failures), report
            )

    async def _end_checkpoint(self, report: BulkReport, last: Checkpoint) -> None:
        """Delete the checkpoint, or keep it until the caller deletes it."""
        if self._checkpoint_writer is None:
            return
        if self._environment.keep_checkpoint and not self._recorder.too_many(report.total, all_rows=True):
            await self._checkpoint_writer.finish(last)
        else:
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
