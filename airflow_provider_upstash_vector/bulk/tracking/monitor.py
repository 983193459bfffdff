"""Monitoring of a run: a few times a second its time limit is checked, and progress and checkpoint updated."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from airflow_provider_upstash_vector.bulk.sending.engine import Engine
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import for_checkpoint, for_crash, for_time_limit
from airflow_provider_upstash_vector.bulk.sources import AsyncSource, Source
from airflow_provider_upstash_vector.bulk.sources.base import read_requests
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import Checkpoint
from airflow_provider_upstash_vector.bulk.tracking.checkpointing import CheckpointWriter, RowsDigest
from airflow_provider_upstash_vector.bulk.tracking.pages import PageTracker
from airflow_provider_upstash_vector.bulk.tracking.progress import Log, Progress, Snapshot, rate_text

log = logging.getLogger(__name__)

_TICK_SECONDS = 0.25
_SAVE_EVERY_SECONDS = 1.0
_LAST_SAVE_SECONDS = 1.0
_MAX_SAVE_SECONDS = 30.0


class RunMonitor:
    """Monitors a run that resumes from the checkpoint ``before``."""

    def __init__(
        self,
        engine: Engine,
        *,
        before: Checkpoint,
        source: Source | AsyncSource,
        digest: RowsDigest | None,
        checkpoint_writer: CheckpointWriter | None,
        progress: Progress | None,
        progress_log: Log,
        time_limit_seconds: float | None,
    ) -> None:
        self._engine = engine
        self._before = before
        self._source = source
        self._digest = digest
        self._checkpoint_writer = checkpoint_writer
        self._progress = progress
        self._time_limit_seconds = time_limit_seconds
        self._done_before = self._done_saved = self._done()
        self._completed_at = before.completed_at
        self._started = time.monotonic()
        self._awaited = (-1, 0.0)
        self._log = progress_log
        self._found_logged = False

    async def run(self) -> None:
        """Check the run until cancelled; stop it if that fails."""
        try:
            await self._watch()
        except Exception as error:  # noqa: BLE001 - a run without a time limit and checkpoints must not continue
            self._engine.stop(for_crash(error))

    async def _watch(self) -> None:
        saved = time.monotonic()
        saving: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            if self._time_limit_seconds is not None and self._seconds() >= self._time_limit_seconds:
                self._engine.stop(for_time_limit(self._time_limit_seconds))
            self.show()
            if self._engine.throttle.is_settled:
                self._log_found(self._engine.window.in_flight)
            if self._checkpoint_writer:
                self._checkpoint_writer.journal.record_seconds(*self._all_seconds())
                now = time.monotonic()
                if saving is not None and saving.done():
                    saving.result()
                    saving, saved = None, now
                if saving is None and now - saved >= _SAVE_EVERY_SECONDS:
                    saving, saved = asyncio.create_task(self._save(self._checkpoint_writer)), now
                elif now - saved >= _MAX_SAVE_SECONDS:  # until it ends, no newer run is noticed
                    self._engine.stop(for_checkpoint(TimeoutError(f"no end after {_MAX_SAVE_SECONDS:g} s")))

    def show(self) -> None:
        """Show the progress, if it is to be shown and can be."""
        if self._progress:
            try:
                self._progress.show(self.snapshot())
            except Exception as error:  # noqa: BLE001 - a terminal or a logger; the run does not depend on it
                self._progress = None
                log.warning("The progress cannot be shown any more: %s: %s", type(error).__name__, error)

    def end(self) -> None:
        """Show the progress for the last time; log a limit of a short run, and what was in flight on average."""
        self.show()
        if self._engine.throttle.allowed_rate is not None:
            self._log_found(round(self._engine.request_seconds / max(self._seconds(), 1e-3)))

    def _log_found(self, in_flight: int) -> None:
        """Log once how fast the run may be."""
        if self._found_logged or not self._progress:
            return
        self._found_logged = True
        throttle = self._engine.throttle
        allowed, milliseconds = throttle.allowed_rate, 1_000 * (throttle.latency or 0.0)
        rate = "No limit found so far" if allowed is None else f"About {rate_text(allowed)} rows/s allowed"
        self._log.info("%s, %s in flight at %s ms.", rate, f"{in_flight:,}", f"{milliseconds:,.0f}")

    async def _save(self, checkpoint_writer: CheckpointWriter) -> None:
        error = await checkpoint_writer.save(self.checkpoint())
        if error is not None:
            self._engine.stop(for_checkpoint(error))
        self._engine.wait_queue.wake()  # rows that were too far ahead of the last checkpoint may go now

    async def save_last(self) -> None:
        """Save the last checkpoint of the run, within a second."""
        if self._checkpoint_writer:
            saving = asyncio.ensure_future(self._save(self._checkpoint_writer))
            await asyncio.wait([saving], timeout=_LAST_SAVE_SECONDS)

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _all_seconds(self) -> tuple[float, float]:
        """Return the seconds of this run and those it resumed, and those throttled."""
        throttled = self._engine.throttle.held_seconds(time.monotonic())
        return self._before.seconds + self._seconds(), self._before.throttled_seconds + throttled

    def _done(self) -> int:
        return sum(self._engine.recorder.counts().values())

    def _awaited_row(self, now: float) -> tuple[int | None, float]:
        """Return the row that reading waits for, and for how long it has been seen to."""
        watermark = self._engine.recorder.tracker.watermark
        if not self._engine.reading_waits:
            self._awaited = (-1, now)
            return None, 0.0
        if self._awaited[0] != watermark:
            self._awaited = (watermark, now)
        return watermark, now - self._awaited[1]

    def snapshot(self) -> Snapshot:
        """Return the progress of the run."""
        now = time.monotonic()
        awaited_row, awaited_seconds = self._awaited_row(now)
        return Snapshot(
            done=self._done(),
            done_before=self._done_before,
            total=self._source.total,
            fraction=self._source.fraction(),
            seconds=self._seconds(),
            in_flight=self._engine.window.in_flight,
            retries=self._engine.retries,
            failures=self._engine.recorder.failures,
            throttled_seconds=self._engine.throttle.held_seconds(now),
            seconds_down=self._engine.throttle.seconds_down(now),
            awaited_row=awaited_row,
            awaited_seconds=awaited_seconds,
            allowed_rate=self._engine.throttle.allowed_rate,
        )

    def checkpoint(self) -> Checkpoint:
        """Return the state to resume from, with the numbers of the report so far."""
        engine, before = self._engine, self._before
        tracker = engine.recorder.tracker
        done = self._done()
        if done != self._done_saved:
            self._done_saved, self._completed_at = done, time.time()
        read, digest = self._digest.state() if self._digest else (0, "")
        seconds, throttled_seconds = self._all_seconds()
        return replace(
            before,
            watermark=tracker.watermark,
            counts_below_watermark=tracker.counts_below_watermark,
            outcomes_above_watermark=dict(tracker.outcomes_above_watermark),
            read=read,
            digest=digest,
            completed_at=self._completed_at,
            retries=before.retries + engine.retries,
            bytes_sent=before.bytes_sent + engine.bytes_sent,
            reads=before.reads + engine.reads + read_requests(self._source),
            seconds=seconds,
            throttled_seconds=throttled_seconds,
            namespaces=engine.recorder.namespaces.counts(),
            position=tracker.position if isinstance(tracker, PageTracker) else "",
        )
