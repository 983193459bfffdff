"""One run from its first row to its report: what is opened, watched and closed around the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

from airflow_provider_upstash_vector.bulk.books import Books
from airflow_provider_upstash_vector.bulk.checkpoint import Checkpoint, CheckpointStore
from airflow_provider_upstash_vector.bulk.conclusion import raise_for_failures, raise_for_halt, rows_left
from airflow_provider_upstash_vector.bulk.digest import RowsChanged, RowsDigest
from airflow_provider_upstash_vector.bulk.dry_run import check_rows
from airflow_provider_upstash_vector.bulk.encode import Encoder
from airflow_provider_upstash_vector.bulk.engine import STOP_SECONDS, Engine
from airflow_provider_upstash_vector.bulk.failures import FailuresFile
from airflow_provider_upstash_vector.bulk.feed import Feed, open_feed
from airflow_provider_upstash_vector.bulk.halts import Halt
from airflow_provider_upstash_vector.bulk.intake import Intake
from airflow_provider_upstash_vector.bulk.ledger import Ledger, Outcome
from airflow_provider_upstash_vector.bulk.limits import DailyBudget, FailureLimit
from airflow_provider_upstash_vector.bulk.namespaces import UpdatedByNamespace
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.parking import Parking
from airflow_provider_upstash_vector.bulk.progress import Log, ProgressKind, open_progress
from airflow_provider_upstash_vector.bulk.report import Added, BulkReport
from airflow_provider_upstash_vector.bulk.resuming import STARTING_OVER, Keeper, last_checkpoint
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.stopping import BulkStop
from airflow_provider_upstash_vector.bulk.throttle import Throttle
from airflow_provider_upstash_vector.bulk.watch import Watch
from airflow_provider_upstash_vector.bulk.window import Window
from airflow_provider_upstash_vector.client import AsyncVectorClient, Endpoint, IndexInfo, RetryPolicy

log = logging.getLogger(__name__)

# How far settled rows may be ahead of one that is being retried, 100 bytes of memory each.
_SPAN_ROWS = 32_768


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What a run touches besides rows and service."""

    policy: RetryPolicy
    stop: BulkStop
    store: CheckpointStore | None
    keep_checkpoint: bool
    failures: FailuresFile | None
    progress: ProgressKind
    log: Log


class Job:
    """A run over ``source``; see :func:`~airflow_provider_upstash_vector.bulk.run`."""

    def __init__(
        self, source: Source | AsyncSource, endpoint: Endpoint, options: BulkOptions, around: Surroundings
    ) -> None:
        self._source = source
        self._endpoint = endpoint
        self._options = options
        self._around = around
        fingerprint = f"{endpoint.url} {source.fingerprint} {options.fingerprint()}"
        store = None if options.dry_run else around.store
        found = last_checkpoint(store, fingerprint, options.namespace) if store else None
        self._before = found or Checkpoint(fingerprint=fingerprint)
        self._ledger = Ledger(self._before.watermark, self._before.below, self._before.above)
        self._counts_before = self._ledger.counts()
        self._keeper = Keeper(store, self._ledger) if store else None
        # rows that the fingerprint does not vouch for are read again and compared
        again = self._keeper is not None and not source.fixed
        self._first_number = 0 if again else self._ledger.watermark
        self._digest = RowsDigest(self._before.read, self._before.digest) if again else None
        self._is_settled = self._ledger.is_settled if found else None
        self._failures = around.failures
        self._failures_path = str(self._failures) if self._failures else None
        self._books = Books(
            self._ledger,
            limit=FailureLimit(options.max_failures),
            total=source.total,
            missing_fails=options.on_missing == "fail",
            failures=self._failures,
            journal=self._keeper.journal if self._keeper else None,
            namespaces=UpdatedByNamespace(self._before.namespaces),
        )

    async def run(self) -> BulkReport:
        """Do the run; return the report, or raise :class:`BulkUpdateFailed` with it.

        Raises :class:`RowsChanged` if another job can start over in its place.
        """
        try:
            report = await (self._dry_run() if self._options.dry_run else self._send_rows())
            if self._failures:
                self._failures.begin()
        except BaseException:
            with suppress(Exception):  # is in the log, and does not hide what the run ended in
                await self._close()
            raise
        await self._close()
        return report

    async def _close(self) -> None:
        if self._keeper:
            self._keeper.close()
        if self._failures:
            await asyncio.to_thread(self._failures.close)

    async def _prepare_failures(self) -> None:
        if self._failures:
            await asyncio.to_thread(self._failures.prepare, self._is_settled)

    async def _dry_run(self) -> BulkReport:
        await self._prepare_failures()
        report, halt = await check_rows(
            self._source,
            self._encoder(None),
            self._books,
            stop=self._around.stop,
            time_limit_seconds=self._options.time_limit_seconds,
            failures_path=self._failures_path,
        )
        if halt is not None:
            raise_for_halt(halt, report)
        raise_for_failures(self._books, report)
        return report

    async def _send_rows(self) -> BulkReport:
        async with AsyncExitStack() as closing:
            progress = open_progress(self._around.progress, self._around.log)
            if progress:
                closing.callback(progress.close)
            client = await closing.enter_async_context(self._client())
            index = await client.info() if self._options.check_index else None
            if self._keeper and (error := await self._keeper.save(self._before)):
                raise error
            await self._prepare_failures()
            parking = Parking()
            feed = open_feed(self._source, self._first_number, parking.wake)
            closing.push_async_callback(feed.close)
            intake = self._intake(feed, self._encoder(index))
            engine = self._engine(client, intake, parking)
            watch = Watch(
                engine,
                before=self._before,
                source=self._source,
                digest=self._digest,
                keeper=self._keeper,
                progress=progress,
                time_limit_seconds=self._options.time_limit_seconds,
            )
            watching = asyncio.create_task(watch.run())
            try:
                with self._stopping(engine):
                    await engine.run()
            finally:
                watching.cancel()
                await asyncio.wait([watching])
                watch.show()
                if engine.halt:
                    await self._leave_checkpoint(engine.halt, watch)
        return await self._conclude(engine, intake, watch.checkpoint())

    async def _leave_checkpoint(self, halt: Halt, watch: Watch) -> None:
        """Save where another run resumes, or discard that if the rows are not the same."""
        if self._keeper and isinstance(halt.cause, RowsChanged):
            await self._keeper.discard(watch.checkpoint())
            if self._source.rereadable:
                log.warning(STARTING_OVER)
                raise halt.cause
        else:
            await watch.save_last()

    def _client(self) -> AsyncVectorClient:
        concurrency = self._options.concurrency
        return AsyncVectorClient(self._endpoint, policy=self._around.policy, max_connections=concurrency)

    def _engine(self, client: AsyncVectorClient, intake: Intake, parking: Parking) -> Engine:
        options, before = self._options, self._before
        return Engine(
            client,
            intake=intake,
            parking=parking,
            window=Window(options.concurrency, _SPAN_ROWS),
            throttle=Throttle(options.concurrency, options.max_requests_per_second),
            budget=DailyBudget(options.daily_budget, day=before.budget_day, spent=before.budget_spent),
            books=self._books,
            concurrency=options.concurrency,
        )

    def _encoder(self, index: IndexInfo | None) -> Encoder:
        return Encoder(
            self._options.names,
            namespace=self._options.namespace,
            metadata_update_mode=self._options.metadata_update_mode,
            index=index,
        )

    def _intake(self, feed: Feed, encoder: Encoder) -> Intake:
        policy = self._around.policy
        return Intake(
            feed,
            encoder,
            first_number=self._first_number,
            timeout_seconds=min(policy.request_timeout_seconds, policy.total_timeout_seconds),
            journal=self._keeper.journal if self._keeper else None,
            digest=self._digest,
        )

    @contextmanager
    def _stopping(self, engine: Engine) -> Iterator[None]:
        """Let a request to stop reach the engine, from whatever thread it comes."""
        loop = asyncio.get_running_loop()
        halt = Halt(reason="stopped", explanation="the run was stopped")

        def listener() -> None:
            loop.call_soon_threadsafe(lambda: engine.stop(halt, drain_seconds=STOP_SECONDS))

        self._around.stop.listen(listener)
        try:
            yield
        finally:
            self._around.stop.forget(listener)

    async def _conclude(self, engine: Engine, intake: Intake, numbers: Checkpoint) -> BulkReport:
        halt = engine.halt
        rest = 0 if intake.exhausted else await rows_left(self._source, halt, intake.next_number)
        idle = halt is None and self._before.watermark > 0 and self._books.counts() == self._counts_before
        report = self._books.report(
            total=max(intake.next_number + (rest or 0), self._ledger.end),  # not all settled rows were read again
            all_read=rest is not None,
            failures_path=self._failures_path,
            retries=numbers.retries,
            bytes_sent=numbers.bytes_sent,
            # of a run that had nothing left to do, a run after it tells the same
            seconds=self._before.seconds if idle else numbers.seconds,
            unplaced=numbers.unplaced,
            throttled_seconds=numbers.throttled_seconds,
            added=self._added(engine, numbers),
        )
        if halt is None:
            if self._keeper:
                await self._settle(self._keeper, report, replace(numbers, seconds=report.seconds))
            raise_for_failures(self._books, report)
        elif self._options.on_budget == "fail" or halt.reason not in {"daily_budget", "daily_quota"}:
            raise_for_halt(halt, report)
        return report

    async def _settle(self, keeper: Keeper, report: BulkReport, last: Checkpoint) -> None:
        """Forget the checkpoint, or keep it for who waits for what was written and then clears it."""
        if self._around.keep_checkpoint and not self._books.too_many(report.total, all_rows=True):
            await keeper.finish(last)
        else:
            await keeper.clear()

    def _added(self, engine: Engine, numbers: Checkpoint) -> Added:
        """Return what this run has done itself."""
        counts, before = self._books.counts(), self._counts_before
        return Added(
            **{outcome.name.lower(): counts[outcome] - before[outcome] for outcome in Outcome},
            requests=engine.requests,
            request_seconds=engine.request_seconds,
            retries=engine.retries,
            throttled_seconds=numbers.throttled_seconds - self._before.throttled_seconds,
        )
