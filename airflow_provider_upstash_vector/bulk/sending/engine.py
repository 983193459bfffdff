"""The loop that sends the batches that ``window`` and ``throttle`` allow.

Workers take batches in turn; as many have started as requests have been in flight together, up to
``max_concurrency``. One that may take none waits in the queue. Another is woken, or started, for a free slot.
Memory: the batches in flight and the rows that wait in the window, within its limits of rows and bytes, and the
outcomes of rows that are completed before one read earlier.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import orjson

from airflow_provider_upstash_vector.bulk.sending import stop_reasons
from airflow_provider_upstash_vector.bulk.sending.outages import NO_RESPONSE, OutageGuard
from airflow_provider_upstash_vector.bulk.sending.overwrite_check import OverwriteCheck
from airflow_provider_upstash_vector.bulk.sending.reader import RowReader
from airflow_provider_upstash_vector.bulk.sending.request import BatchRequest, PendingRow, RequestWindow
from airflow_provider_upstash_vector.bulk.sending.stop_reasons import StopReason
from airflow_provider_upstash_vector.bulk.sending.throttle import Throttle
from airflow_provider_upstash_vector.bulk.sending.wait_queue import WorkerWaitQueue
from airflow_provider_upstash_vector.bulk.tracking.budget import ReservedBudget
from airflow_provider_upstash_vector.bulk.tracking.outcomes import Outcome
from airflow_provider_upstash_vector.bulk.tracking.recorder import OutcomeRecorder
from airflow_provider_upstash_vector.cancellation import wait_at_most
from airflow_provider_upstash_vector.client import AsyncVectorClient, RetryPolicy, retry
from airflow_provider_upstash_vector.client.errors import (
    ApiError,
    RateLimited,
    ResponseLost,
    UpstashVectorError,
)
from airflow_provider_upstash_vector.client.models import IndexInfo
from airflow_provider_upstash_vector.client.wire import Call, Response

# What remains of the five seconds that Airflow gives a task to stop, after up to 2 for saving and counting.
STOP_SECONDS = 2.5
_POLL_SECONDS = 0.25
# How long rows wait for others to be sent with, if the source has none yet.
_LINGER_SECONDS = 0.05
# A batch is sent in spite of them if nothing else is in flight. A row takes some 2 KB beside its part of the body.
_MAX_ROWS_IN_FLIGHT = 12_288
_MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024
_REFUSED = {400, 413, 422}  # what a part of a batch may not get


class Engine:
    """Sends the rows of a reader and records their outcomes; its public attributes are read by the monitor."""

    def __init__(
        self,
        client: AsyncVectorClient,
        *,
        reader: RowReader,
        wait_queue: WorkerWaitQueue,
        window: RequestWindow,
        throttle: Throttle,
        budget: ReservedBudget,
        recorder: OutcomeRecorder,
        overwrite_check: OverwriteCheck | None,
        policy: RetryPolicy,
        max_concurrency: int,
    ) -> None:
        self._client = client
        self._operation = reader.operation
        self._policy = policy
        self._timeout_seconds = min(policy.request_timeout_seconds, policy.total_timeout_seconds)
        self._reader = reader
        self.wait_queue = wait_queue
        self.window = window
        self.throttle = throttle
        self.budget = budget
        self.recorder = recorder
        self._overwrite_check = overwrite_check
        self._max_concurrency = max_concurrency
        self._workers: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._paused = 0
        self._partial_since: float | None = None
        self._stopped = asyncio.Event()
        self._outages = OutageGuard(client, window, throttle, stop_for=self._stop_for, stopped=self._stopped)
        self._crash: BaseException | None = None
        self._drain_until = 0.0
        self._send_request = client.send
        self._read = b"", 0  # the documented response that was read last
        self._outcomes: Sequence[Outcome] = ()
        self.retries = 0
        self.bytes_sent = 0
        self.requests = 0
        self.request_seconds = 0.0
        self.stop_reason: StopReason | None = None

    @property
    def reads(self) -> int:
        """The requests that read stored vectors."""
        return 0 if self._overwrite_check is None else self._overwrite_check.reads

    @property
    def reading_waits(self) -> bool:
        """Whether no row is read until the first one that is not completed is."""
        return not self._reader.ended and self.window.waits_for(
            self.recorder.tracker.watermark, self._reader.next_number
        )

    async def run(self) -> None:
        """Send rows until none are left or the run stops; nothing is in flight afterwards."""
        self._start_worker()
        waiting = [asyncio.create_task(event.wait()) for event in (self._idle, self._stopped)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            while self._workers and time.monotonic() < self._drain_until:
                await asyncio.wait(waiting[:1], timeout=_POLL_SECONDS)
        finally:
            ending = [*self._workers, *waiting]
            for task in ending:
                task.cancel()
            await asyncio.wait(ending)
            self.wait_queue.close()
        down = self.stop_reason is not None and self.stop_reason.reason == "service_unavailable"
        for batch in self.window.drain():
            if batch.error is not None and not down:  # it was sent and may have been applied
                self._fail_unsettled(batch, batch.error)
        if self._crash is not None:
            raise self._crash

    def stop(self, stop_reason: StopReason, *, drain_seconds: float = STOP_SECONDS) -> None:
        """Send no more; requests in flight have ``drain_seconds`` left, which a later call can only shorten."""
        until = time.monotonic() + drain_seconds
        self._drain_until = min(self._drain_until, until) if self.stop_reason else until
        if self.stop_reason is None:
            self.stop_reason = stop_reason
            self._stopped.set()
            self._reader.end()
            self.wait_queue.wake_all()

    def _start_worker(self) -> None:
        worker = asyncio.create_task(self._work())
        self._workers.add(worker)
        worker.add_done_callback(self._end_worker)

    def _end_worker(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not self._workers:
            self._idle.set()

    def _next_worker(self) -> None:
        """Let another worker look for a batch, if there is a slot for it."""
        if self.window.in_flight - self._paused >= self.throttle.slots or self.wait_queue.wake():
            return
        if len(self._workers) < self._max_concurrency and self.stop_reason is None:
            self._start_worker()

    async def _work(self) -> None:
        try:
            while self.stop_reason is None:
                request = self._take()
                if request is not None:
                    self._next_worker()
                    await (
                        self._send(request) if isinstance(request, BatchRequest) else self._outages.probe(request)
                    )
                elif self.stop_reason is not None or (self._reader.ended and not self.window.unsettled):
                    break  # a worker that stops the run itself has woken only the others
                else:
                    await self.wait_queue.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised by run, once the others have ended
            self._crash = self._crash or error
            self.stop(stop_reasons.for_crash(error))
        self.wait_queue.wake()

    def _take(self) -> BatchRequest | Call[IndexInfo] | None:
        """Return a batch to send, or ``info`` as a probe."""
        now = time.monotonic()
        self._stop_for(self._reader.fill(self.window, self.recorder))
        if self._reader.has_more_at_once:
            self.wait_queue.wake_soon()
        if self.stop_reason is not None:
            return None
        partial, window = self._goes_partial(now), self.window
        rows = window.next_rows(partial=partial)
        full = window.rows_in_flight >= _MAX_ROWS_IN_FLIGHT or window.bytes_in_flight >= _MAX_BYTES_IN_FLIGHT
        if not rows or full:
            return None
        wait = self.throttle.wait_seconds(window.in_flight - self._paused, now, rows)
        if wait != 0:
            if wait is not None:
                self.wait_queue.wake_after(wait)
            return None
        if probe := self._outages.probe_due(now):
            return probe
        if self.budget.limited and not (rows := self._affordable(rows)):
            return None
        self.budget.spend(rows)
        batch = self.window.take(rows, partial=partial)
        if batch is not None:
            batch.sent = self.throttle.sent(now, rows)
        if not self.window.has_partial:
            self._partial_since = None
        return batch

    def _affordable(self, rows: int) -> int:
        """Return how many of the rows the daily budget allows now; stop the run if it is exhausted."""
        left = self.budget.left(time.time())
        if not left:
            self._stop_for(stop_reasons.for_budget(self.budget.rows))
            return 0
        return self.budget.reserved(min(rows, left), self.wait_queue.wake)

    def _goes_partial(self, now: float) -> bool:
        """Return whether rows that could be sent with later ones are sent without."""
        if self._reader.has_more_at_once:
            return False
        if not (self._reader.waits and self.window.has_partial):
            return True
        self._partial_since = self._partial_since or now
        wait = self._partial_since + _LINGER_SECONDS - now
        if wait > 0:
            self.wait_queue.wake_after(wait)
        return wait <= 0

    async def _send(self, batch: BatchRequest) -> None:
        if self._overwrite_check is not None and not self._overwrite_check.done:
            await self._overwrite_check.before(batch.rows)
        if batch.sends:
            self.retries += 1
        batch.sends += 1
        self.bytes_sent += batch.size
        self.requests += 1
        started = time.monotonic()
        batch.sent.at = started
        batch.unproven_since = batch.unproven_since or started
        self.recorder.sent(self.retries, self.bytes_sent, started)
        rows = batch.rows
        body = self._operation.body([row.fragment for row in rows])
        try:
            response = await self._send_request(rows[0].path, body, batch.timeout_seconds or self._timeout_seconds)
        except UpstashVectorError as error:
            self.request_seconds += time.monotonic() - started
            await self._after_error(batch, error)
            return
        except asyncio.CancelledError:
            self.window.settle(batch)
            self._fail_unsettled(batch, ResponseLost("the run stopped before a response arrived"))
            raise
        now = time.monotonic()
        self.request_seconds += now - started
        outcomes = self._documented_outcomes(response, len(rows))
        if outcomes is None:
            try:
                outcomes = self._client.decode(self._call(batch), response)
            except UpstashVectorError as error:
                await self._after_error(batch, error)
                return
        self._outages.applied(batch.sent, now)
        if batch.split is not None:
            batch.split.accepted()
        self.window.settle(batch)
        self._record(rows, outcomes)

    def _record(self, rows: list[PendingRow], outcomes: Sequence[Outcome]) -> None:
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome is Outcome.DONE:
                self.recorder.done(row.number, row.key[0])
            elif self.recorder.missing(row.row, row.key[1], row.key[0]):
                self._stop_for_failures()

    def _documented_outcomes(self, response: Response, rows: int) -> Sequence[Outcome] | None:
        """Return the outcomes in a documented response, ``None`` for any other."""
        if response.status != 200:
            return None
        read = response.body, rows
        if read != self._read:  # most responses are alike
            try:
                self._outcomes = self._operation.outcomes(orjson.loads(response.body)["result"], rows)
            except (ValueError, TypeError, KeyError):
                return None
            self._read = read
        return self._outcomes

    def _call(self, batch: BatchRequest) -> Call[Sequence[Outcome]]:
        """Return the call of a batch, to name it in errors and to decode its response."""
        first = batch.rows[0]
        return self._operation.call(first.path, first.key[0], [row.key[1] for row in batch.rows])

    async def _after_error(self, batch: BatchRequest, error: UpstashVectorError) -> None:
        now = time.monotonic()
        if isinstance(error, RateLimited):
            self._outages.throttled(error, batch.sent, now)
            batch.unproven_since = 0.0
            self.window.put_back(batch)
            return
        if not isinstance(error, NO_RESPONSE):
            self._outages.responded(batch.sent, now)
        elif self._outages.failed(error, batch.unproven_since, batch.sent.at, now):
            batch.error = error
            self.window.put_aside(batch)
            return
        if isinstance(error, ApiError) and error.status in _REFUSED and len(batch.rows) > 1:
            self.window.halve(batch)
            return
        batch.unproven_since = now
        try:
            wait = batch.wait_after(error, partial(self._flow, batch))
            await self._pause(wait)
            batch.after_wait()
        except UpstashVectorError as last:
            await self._give_up(batch, last)
        else:
            self.window.put_back(batch)

    async def _give_up(self, batch: BatchRequest, error: UpstashVectorError) -> None:
        if isinstance(error, NO_RESPONSE) and await self._outages.never_responds():
            self.window.put_aside(batch)  # not attempted
            return
        rest: list[PendingRow] = []
        if (
            batch.split is not None
            and isinstance(error, ApiError)
            and error.status in _REFUSED
            and batch.split.refused_alone(error.status, error.server_message)
        ):
            rest = self.window.settle_rest(batch)
        self.window.settle(batch)
        stop_reason = stop_reasons.for_error(error)
        if stop_reason is None:
            for row in [*batch.rows, *rest]:
                error.id = row.key[1]  # of the others it may be that of another row, or none
                if self.recorder.failed(row.row, error):
                    self._stop_for_failures()
            return
        if stop_reason.reason == "error":  # one for the daily quota or a rotated token was not attempted
            self._fail_unsettled(batch, error)
        self._stop_for(stop_reason)

    def _fail_unsettled(self, batch: BatchRequest, error: UpstashVectorError) -> None:
        for row in batch.rows:
            self.recorder.fail_unsettled(row.row, error)

    def _stop_for_failures(self) -> None:
        self._stop_for(stop_reasons.for_failures(self.recorder))

    def _stop_for(self, stop_reason: StopReason | None) -> None:
        """Stop if there is a reason to, with time for requests in flight to complete."""
        if stop_reason is not None:
            self.stop(stop_reason, drain_seconds=self._policy.request_timeout_seconds)

    async def _pause(self, seconds: float) -> None:
        self._paused += 1
        self._next_worker()
        try:
            await wait_at_most(self._stopped, seconds)
        finally:
            self._paused -= 1

    def _flow(self, batch: BatchRequest) -> retry.Flow[Sequence[Outcome]]:
        return self._client.flow(self._call(batch), policy=self._policy, clock=self._unheld_clock)

    def _unheld_clock(self) -> float:
        now = time.monotonic()
        return now - self.throttle.held_seconds(now)
