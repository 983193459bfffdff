"""What looks at a run a few times a second: its time limit, its progress, its checkpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.sending.engine import Engine
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason, for_time_limit
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter
from airflow_provider_upstash_vector.bulk.tracking.digest import RowsDigest
from airflow_provider_upstash_vector.bulk.tracking.progress import Progress, Snapshot

_TICK_SECONDS = 0.25
_SAVE_EVERY_SECONDS = 1.0
_MAX_SECONDS_FOR_THE_LAST_SAVE = 1.0


class RunMonitor:
    """Watches a run that goes on from ``before``."""

    def __init__(
        self,
        engine: Engine,
        *,
        before: Checkpoint,
        source: Source | AsyncSource,
        digest: RowsDigest | None,
        checkpoint_writer: CheckpointWriter | None,
        progress: Progress | None,
        time_limit_seconds: float | None,
    ) -> None:
        self._engine = engine
        self._before = before
        self._source = source
        self._digest = digest
        self._checkpoint_writer = checkpoint_writer
        self._progress = progress
        self._time_limit_seconds = time_limit_seconds
        self._done_before = self._done()
        self._started = time.monotonic()

    async def run(self) -> None:
        """Look at the run until cancelled."""
        saved = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if self._time_limit_seconds is not None and self._seconds() >= self._time_limit_seconds:
                self._engine.stop(for_time_limit(self._time_limit_seconds))
            self.show()
            if self._checkpoint_writer and time.monotonic() - saved >= _SAVE_EVERY_SECONDS:
                await self._save(self._checkpoint_writer)
                saved = time.monotonic()

    def show(self) -> None:
        """Show how far the run is, where that is wanted."""
        if self._progress:
            self._progress.show(self.snapshot())

    async def _save(self, checkpoint_writer: CheckpointWriter) -> None:
        error = await checkpoint_writer.save(self.checkpoint())
        if error is not None:
            told = f"the checkpoint cannot be saved: {type(error).__name__}: {error}"
            self._engine.stop(StopReason(reason="checkpoint", explanation=told, cause=error))
        self._engine.wait_queue.wake()  # rows that were too far ahead of the last checkpoint may go now

    async def save_last(self) -> None:
        """Save the checkpoint of a run that is over."""
        if self._checkpoint_writer:
            await asyncio.wait(
                [asyncio.ensure_future(self._save(self._checkpoint_writer))],
                timeout=_MAX_SECONDS_FOR_THE_LAST_SAVE,
            )

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _done(self) -> int:
        return sum(self._engine.recorder.counts().values())

    def snapshot(self) -> Snapshot:
        """Return how far the run is."""
        return Snapshot(
            done=self._done(),
            done_before=self._done_before,
            total=self._source.total,
            fraction=self._source.fraction(),
            seconds=self._seconds(),
            in_flight=self._engine.window.in_flight,
            retries=self._engine.retries,
            failures=self._engine.recorder.failures,
            throttled_seconds=self._engine.throttle.held_seconds(time.monotonic()),
        )

    def checkpoint(self) -> Checkpoint:
        """Return the state to go on from, and the numbers of the report so far."""
        engine, before = self._engine, self._before
        tracker = engine.recorder.tracker
        read, digest = self._digest.state() if self._digest else (0, "")
        return replace(
            before,
            watermark=tracker.watermark,
            below=tracker.below,
            above=dict(tracker.above),
            read=read,
            digest=digest,
            retries=before.retries + engine.retries,
            bytes_sent=before.bytes_sent + engine.bytes_sent,
            seconds=before.seconds + self._seconds(),
            throttled_seconds=before.throttled_seconds + engine.throttle.held_seconds(time.monotonic()),
            budget_day=engine.budget.day,
            budget_spent=engine.budget.spent,
            namespaces=engine.recorder.namespaces.counts(),
        )
