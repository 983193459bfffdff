"""A run from its first row to its report: opens, monitors and closes what the engine needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_upstash_vector.bulk.dry_run import check_rows
from airflow_provider_upstash_vector.bulk.embedding.calls import Embedder
from airflow_provider_upstash_vector.bulk.embedding.reader import EmbeddingReader
from airflow_provider_upstash_vector.bulk.errors import Superseded
from airflow_provider_upstash_vector.bulk.operations.base import Operation
from airflow_provider_upstash_vector.bulk.options import BulkOptions
from airflow_provider_upstash_vector.bulk.report import BulkReport
from airflow_provider_upstash_vector.bulk.run_state import RunEnvironment, RunParts, RunState
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.ceiling import concurrency_ceiling
from airflow_provider_upstash_vector.bulk.sending.engine import STOP_SECONDS, Engine
from airflow_provider_upstash_vector.bulk.sending.overwrite_check import OverwriteCheck
from airflow_provider_upstash_vector.bulk.sending.prefetch import Prefetcher, open_prefetcher
from airflow_provider_upstash_vector.bulk.sending.reader import ReadingStart, RowReader
from airflow_provider_upstash_vector.bulk.sending.request import BatchRequest
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.sending.window import Window
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, PagedSource, Source
from airflow_provider_upstash_vector.bulk.stopping import Stopped, unless_stopped
from airflow_provider_upstash_vector.bulk.tracking.budget import ReservedBudget, open_budget
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import (
    RowsChanged,
)
from airflow_provider_upstash_vector.bulk.tracking.monitor import RunMonitor
from airflow_provider_upstash_vector.bulk.tracking.progress import (
    Progress,
    close_progress,
    open_progress,
)
from airflow_provider_upstash_vector.bulk.tracking.writing import WriteFailed
from airflow_provider_upstash_vector.cancellation import in_thread
from airflow_provider_upstash_vector.client import (
    AsyncVectorClient,
    Credentials,
    Endpoint,
    IndexInfo,
)
from airflow_provider_upstash_vector.client.errors import UpstashVectorError

log = logging.getLogger(__name__)

# How far completed rows may be ahead of one that is being retried; each takes 100 bytes of memory.
_MAX_LEAD_ROWS = 32_768


T = TypeVar("T")


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
        self._state = RunState(source, options, environment)

    async def run(self) -> BulkReport:
        """Return the report. Raises :class:`BulkJobFailed` with it if the run did not succeed, whatever failed.

        Raises the errors of ``info``, ``InvalidRows`` and ``ValueError`` if they occur before anything is sent,
        and :class:`RowsChanged` if the rows have changed and a new job can start over.
        """
        try:
            report, stop_reason, last = await (self._dry_run() if self._options.dry_run else self._send_rows())
        except BaseException:
            with suppress(Exception):  # it must not hide the error of the run
                await self._state.close_files(begin=False)
            self._state.close_checkpoint()
            raise
        stop_reason = stop_reason or self._state.too_many_failures(report)
        try:
            await self._state.close_files(begin=stop_reason is None or self._returns(stop_reason))
            if last is not None:
                await self._unless_stopped(self._state.end_checkpoint(report, last))
        except Stopped as stopped:
            stop_reason = stop_reason or stopped.stop_reason
        except Exception as error:  # noqa: BLE001 - a file's, an object store's, Airflow's
            log.warning("%s", error)
            stop_reason = stop_reason or stop_reasons.for_crash(error)
        self._state.close_checkpoint()
        if stop_reason is not None and not self._returns(stop_reason):
            stop_reasons.raise_for_stop(stop_reason, report)
        return report

    def _returns(self, stop_reason: StopReason) -> bool:
        exhausted = stop_reason.reason in {"daily_budget", "daily_quota"}
        return exhausted and self._options.on_budget == "return"

    async def _dry_run(self) -> tuple[BulkReport, StopReason | None, None]:
        try:
            await self._state.prepare()
            operation, embedding = self._options.operation(None), self._options.embedding
            if embedding:
                await in_thread(embedding.load)
            async with AsyncVectorClient(self._endpoint, policy=self._environment.policy) as client:
                if isinstance(self._source, PagedSource) and self._options.check_index:
                    await self._unless_stopped(self._check_source(await client.info()))
                if self._options.check_index:
                    operation.only_namespaces = await self._state.found_empty(client)
                report, stop_reason = await check_rows(
                    self._source,
                    operation,
                    self._state.recorder,
                    overwrite_check=OverwriteCheck(client, operation) if self._options.check_index else None,
                    embeds=embedding is not None,
                    cancel_token=self._environment.cancel_token,
                    time_limit_seconds=self._options.time_limit_seconds,
                )
        except Exception as error:
            if _explains_itself(error):
                raise
            stop_reason = error.stop_reason if isinstance(error, Stopped) else stop_reasons.for_crash(error)
            report = await self._state.report(None, stop_reason, self._state.before)
        return report, stop_reason, None

    async def _send_rows(self) -> tuple[BulkReport, StopReason | None, Checkpoint | None]:
        """Return the report, why the run stopped, and, if all rows are completed, the last checkpoint."""
        progress = open_progress(self._environment.progress, self._environment.log)
        parts, crash = None, None
        try:
            async with AsyncExitStack() as closing:
                if progress:
                    closing.callback(close_progress, progress)
                parts = await self._unless_stopped(self._start(closing, progress))
                await self._drive(parts)
        except RowsChanged:
            raise
        except Stopped as stopped:
            crash = stopped.stop_reason
        except Exception as error:
            if parts is None and _explains_itself(error):
                raise
            crash = stop_reasons.for_crash(error)
        stop_reason = parts.engine.stop_reason if parts else None
        last = parts.monitor.checkpoint() if parts else self._state.before
        report = await self._state.report(parts, stop_reason or crash, last)
        done = stop_reason is None and crash is None
        return report, stop_reason or crash, replace(last, seconds=report.seconds) if done else None

    async def _start(self, closing: AsyncExitStack, progress: Progress | None) -> RunParts:
        """Open everything, first what can fail without a request."""
        await self._state.prepare()
        options, store = self._options, self._environment.budget_store
        budget = await in_thread(open_budget, store, options.daily_budget, options.max_rows_per_second)
        closing.push_async_callback(budget.close)
        await self._state.save_first()
        ceiling = concurrency_ceiling(options.max_concurrency)
        policy = self._environment.policy
        client = AsyncVectorClient(self._endpoint, policy=policy, max_connections=ceiling)
        await closing.enter_async_context(client)
        index = await self._state.checked_index(client) if options.check_index else None
        await self._check_source(index)
        operation = options.operation(index)
        operation.only_namespaces = await self._state.found_empty(client)
        wait_queue = WorkerWaitQueue()
        embedder = await self._embedder(operation, index)
        prefetcher = open_prefetcher(self._source, self._state.first_number, wait_queue.wake)
        closing.push_async_callback(prefetcher.close)
        reader = self._reader(prefetcher, operation, embedder, wait_queue)
        closing.push_async_callback(reader.close)
        engine = self._engine(
            client, reader, wait_queue, budget, time.monotonic() if index else None, ceiling=ceiling
        )
        monitor = RunMonitor(
            engine,
            before=self._state.before,
            source=self._source,
            digest=self._state.digest,
            checkpoint_writer=self._state.checkpoint_writer,
            progress=progress,
            progress_log=self._environment.log,
            time_limit_seconds=options.time_limit_seconds,
        )
        return RunParts(engine, reader, monitor)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        return await unless_stopped(work, self._environment.cancel_token, self._options.time_limit_seconds)

    async def _drive(self, parts: RunParts) -> None:
        engine, _, monitor = parts
        monitoring = asyncio.create_task(monitor.run())
        try:
            with self._cancellable(engine):
                await engine.run()
        finally:
            monitoring.cancel()
            await asyncio.wait([monitoring])
            monitor.end()
            if engine.stop_reason:
                await self._state.leave_checkpoint(engine.stop_reason, monitor)

    async def _check_source(self, index: IndexInfo | None) -> None:
        if isinstance(self._source, PagedSource) and index is not None:
            await self._source.check(index)

    def _engine(
        self,
        client: AsyncVectorClient,
        reader: RowReader,
        wait_queue: WorkerWaitQueue,
        budget: ReservedBudget,
        worked_at: float | None,
        *,
        ceiling: int,
    ) -> Engine:
        options, policy = self._options, self._environment.policy
        return Engine(
            client,
            reader=reader,
            wait_queue=wait_queue,
            window=Window(
                BatchRequest,
                _MAX_LEAD_ROWS,
                max_rows=options.max_rows,
                max_bytes=reader.operation.max_bytes,
            ),
            throttle=Throttle(
                ceiling,
                options.max_rows_per_second,
                worked_at=worked_at,
                first_probe_backoff_seconds=policy.first_backoff_seconds,
                max_probe_backoff_seconds=policy.max_backoff_seconds,
            ),
            budget=budget,
            recorder=self._state.recorder,
            overwrite_check=OverwriteCheck(client, reader.operation) if options.check_index else None,
            policy=options.policy(policy),
            max_concurrency=ceiling,
        )

    def _reader(
        self, prefetcher: Prefetcher, operation: Operation, embedder: Embedder | None, wait_queue: WorkerWaitQueue
    ) -> RowReader:
        start = ReadingStart(
            first_number=self._state.first_number,
            journal=self._state.checkpoint_writer.journal if self._state.checkpoint_writer else None,
            digest=self._state.digest,
        )
        if embedder is None:
            return RowReader(prefetcher, operation, **start)
        return EmbeddingReader(prefetcher, operation, embedder=embedder, wait_queue=wait_queue, **start)

    async def _embedder(self, operation: Operation, index: IndexInfo | None) -> Embedder | None:
        """Return what embeds texts, if they are to be. Raises ``ValueError`` if it cannot."""
        embedding = self._options.embedding
        if embedding is None:
            return None
        operation.check_embedding()
        if index is not None and index.embeds:
            log.warning(
                "The index has a model of its own: queries by text find vectors of embed only if it is the same."
            )
        function = await in_thread(embedding.load)
        return Embedder(embedding, function, self._environment.policy, index.dimension if index else None)

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


def _explains_itself(error: Exception) -> bool:
    """Return whether an error that occurs before anything is sent is raised as it is, without a report."""
    return isinstance(error, UpstashVectorError | ValueError) and not isinstance(error, WriteFailed | Superseded)
