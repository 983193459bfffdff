"""Reads rows, embeds the texts of those without a vector, and offers them to the window in order."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from airflow_provider_upstash_vector.bulk.embedding.calls import Embedder, EmbeddingFailed
from airflow_provider_upstash_vector.bulk.embedding.queue import EmbeddingQueue
from airflow_provider_upstash_vector.bulk.operations.base import Operation, TextFragment
from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.prefetch import Prefetcher
from airflow_provider_upstash_vector.bulk.sending.reader import ReadingStart, RowReader, RowTarget
from airflow_provider_upstash_vector.bulk.sending.request import PendingRow
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder

if TYPE_CHECKING:
    from typing_extensions import Unpack

# How long texts wait for others to be embedded with, if the source has none yet.
_LINGER_SECONDS = 0.05
_CLOSING_SECONDS = 0.5


class EmbeddingReader(RowReader):
    """A :class:`RowReader` with a queue of rows between it and the window.

    A row is embedded after it has been encoded and compared with the checkpoint's: no text is embedded for a row
    that is rejected, completed or changed.
    """

    def __init__(
        self,
        prefetcher: Prefetcher,
        operation: Operation,
        *,
        embedder: Embedder,
        wait_queue: WorkerWaitQueue,
        **start: Unpack[ReadingStart],
    ) -> None:
        super().__init__(prefetcher, operation, **start)
        self._embedder = embedder
        self._queue = EmbeddingQueue(embedder.batch_size, embedder.concurrency)
        self._wait_queue = wait_queue
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_reason: StopReason | None = None
        self._partial_since: float | None = None

    @property
    def ended(self) -> bool:
        """Whether no more rows will come."""
        return self._closed or (self.exhausted and not self._queue)

    @property
    def embedded(self) -> int:
        """The number of texts that have been embedded."""
        return self._embedder.texts

    def end(self) -> None:
        """Read and embed no more."""
        super().end()
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Embed no more; an async function that ignores its cancellation is abandoned."""
        self.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSING_SECONDS)

    def fill(self, window: RowTarget, recorder: OutcomeRecorder) -> StopReason | None:
        """Offer rows with their vectors to the window, and read more; return a reason to stop."""
        stop_reason = (
            self._stop_reason
            or self._release(window, recorder)
            or super().fill(self._queue, recorder)
            or self._release(window, recorder)
        )
        if stop_reason is None:
            self._embed_next(partial=self._goes_partial(time.monotonic()))
        return stop_reason

    def _embed_next(self, *, partial: bool) -> None:
        while not self._closed and (rows := self._queue.take(partial=partial)) is not None:
            task = asyncio.create_task(self._embed(rows))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _release(self, window: RowTarget, recorder: OutcomeRecorder) -> StopReason | None:
        while (number := self._queue.next_number()) is not None and window.has_room(
            number, recorder.tracker.watermark
        ):
            row, error = self._queue.pop()
            if error is None:
                window.offer(row)
            elif recorder.rejected(row.row, error):
                return stop_reasons.for_failures(recorder)
        return None

    def _goes_partial(self, now: float) -> bool:
        """Return whether texts that could be embedded with later ones are embedded without."""
        if self.exhausted or not (self.waits or self.has_more_at_once):
            return self.exhausted or self._queue.is_stuck
        if self.has_more_at_once or not self._queue:
            self._partial_since = None
            return False
        self._partial_since = self._partial_since or now
        wait = self._partial_since + _LINGER_SECONDS - now
        if wait > 0:
            self._wait_queue.wake_after(wait)
        return wait <= 0

    async def _embed(self, rows: list[PendingRow]) -> None:
        texts = [row.fragment.text for row in rows if isinstance(row.fragment, TextFragment)]
        try:
            vectors = await self._embedder.embed(texts)
        except EmbeddingFailed as error:
            self._stop_reason = stop_reasons.for_embedding(error, rows[0].row, len(rows))
        else:
            self._partial_since = None
            self._queue.settle(rows, vectors)
            self._embed_next(partial=False)  # while the workers are sending
        self._wait_queue.wake()
